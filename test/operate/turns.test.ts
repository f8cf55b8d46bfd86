import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
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
  test('fails as the work does', async () => {
    const failing = (function* () {
      yield
      throw new Error('no')
    })()
    await assert.rejects(inTurns(failing), /no/)
  })
})
