import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Committed } from '../../src/log/log.ts'
import { createCommits } from '../../src/operate/commits.ts'

const at = (offset: number, partition = 0): Committed => ({ topic: 'requests', partition, offset, metadata: '' })

/** A group whose commits end when the test says so. */
function createGroup() {
  const asked: { positions: readonly Committed[]; end: PromiseWithResolvers<void> }[] = []
  const stored = new Map<number, number>()
  const failures: unknown[] = []
  const commits = createCommits(
    async positions => {
      const end = Promise.withResolvers<void>()
      asked.push({ positions, end })
      await end.promise
      for (const { partition, offset } of positions) stored.set(partition, offset)
    },
    error => failures.push(error),
  )
  return { commits, asked, stored, failures }
}

describe('positions on their way', { timeout: 5000 }, () => {
  test('a commit that fails after a newer position came is not tried again: the newer one is', async () => {
    const { commits, asked, stored, failures } = createGroup()
    commits.put(at(1))
    const first = commits.flush()
    commits.put(at(2))
    const second = commits.flush()
    assert.equal(asked.length, 1, 'one at a time')
    asked[0]!.end.reject(new Error('rebalance'))
    await first
    assert.equal(failures.length, 1)
    asked[1]!.end.resolve()
    await second
    await commits.flush()
    assert.equal(asked.length, 2, 'nothing is left')
    assert.deepEqual([...stored], [[0, 2]])
  })

  test('what was put while its partition was on its way is committed next', async () => {
    const { commits, asked, stored } = createGroup()
    commits.put(at(1))
    commits.put(at(7, 1))
    const first = commits.flush()
    commits.put(at(2))
    asked[0]!.end.resolve()
    await first
    const second = commits.flush()
    assert.deepEqual(asked[1]!.positions, [at(2)])
    asked[1]!.end.resolve()
    await second
    assert.deepEqual(
      [...stored],
      [
        [0, 2],
        [1, 7],
      ],
    )
  })

  test('the last flush commits what was put while another was on its way', async () => {
    const { commits, asked, stored } = createGroup()
    commits.put(at(1))
    const first = commits.flush()
    commits.put(at(2))
    const turns = [commits.flush(), commits.flush()]
    asked[0]!.end.resolve()
    await first
    asked[1]?.end.resolve()
    await Promise.all(turns)
    assert.equal(asked.length, 2, 'one commit for all who wait')
    assert.deepEqual([...stored], [[0, 2]])
  })

  test('a failed commit is tried again although nothing new came, but for partitions of others', async () => {
    const { commits, asked, stored } = createGroup()
    commits.put(at(1))
    commits.put(at(7, 1))
    const first = commits.flush()
    asked[0]!.end.reject(new Error('away'))
    await first
    commits.forget('requests', 1)
    const second = commits.flush()
    asked[1]!.end.resolve()
    await second
    assert.deepEqual([...stored], [[0, 1]])
  })

  test('nothing to commit asks nothing', async () => {
    const { commits, asked } = createGroup()
    await commits.flush()
    assert.equal(asked.length, 0)
  })
})
