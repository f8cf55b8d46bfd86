import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { turn } from '../../src/log/kafka/turn.ts'
import { inTurns } from '../../src/operate/turns.ts'

/** Works without a pause. */
function* pieces(count: number, ms: number): Generator<void, number> {
  for (let i = 0; i < count; i++) {
    for (const until = performance.now() + ms; performance.now() < until; );
    yield
  }
  return count
}

describe('long work in turns', () => {
  test('gives what it makes, and others their turns meanwhile', async () => {
    let turns = 0
    let isOver = false
    const count = (): void => {
      turns++
      if (!isOver) setImmediate(count)
    }
    setImmediate(count)
    assert.equal(await inTurns(pieces(20, 1)), 20)
    isOver = true
    assert.ok(turns >= 7, `${turns} turns in 20 ms`)
  })
  test('comes to an end on a loop that is busy all the time: a quarter of what others take is its own', async () => {
    let isOver = false
    const busy = (): void => {
      for (const until = performance.now() + 40; performance.now() < until; );
      if (!isOver) setImmediate(busy)
    }
    setImmediate(busy)
    const begunMs = performance.now()
    await inTurns(pieces(100, 1))
    isOver = true
    // 100 ms of work: 50 turns of 40 ms if each had but 2 ms
    assert.ok(performance.now() - begunMs < 1200, `${performance.now() - begunMs} ms`)
  })
  test('lets steps that wait go first, several at a time, and yet comes to an end while there always are some', async () => {
    let isOver = false
    let steps = 0
    let pieced = 0
    const stepping = async (): Promise<void> => {
      while (!isOver) {
        await turn()
        steps++
        for (const until = performance.now() + 1; performance.now() < until; );
      }
    }
    const work = (function* () {
      for (let i = 0; i < 40; i++) {
        yield* pieces(1, 1)
        pieced++
      }
    })()
    const all = Array.from({ length: 4 }, stepping)
    await inTurns(work)
    isOver = true
    await Promise.all(all)
    // 2 ms of it after every 8 of theirs; one step between two pieces would be as many steps as there are turns
    assert.ok(steps > 2 * pieced, `${steps} steps of 1 ms beside ${pieced} ms of it`)
  })
  test('fails as the work does', async () => {
    const failing = (function* () {
      yield
      throw new Error('no')
    })()
    await assert.rejects(inTurns(failing), /no/)
  })
})
