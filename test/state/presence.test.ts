import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { open, type RootDatabase } from 'lmdb'
import type { Bytes } from '../../src/state/disk-table.ts'
import { createFilter } from '../../src/state/filter.ts'
import { keyEncoder } from '../../src/state/keys.ts'
import { createPresence } from '../../src/state/presence.ts'
import { createRandom } from '../../src/state/random.ts'

test('a filter that is full has every key, and one in a hundred of others at most', () => {
  const random = createRandom(1)
  const hashes = (count: number) => Array.from({ length: count }, () => Math.floor(random.uniform() * 2 ** 32))
  const filter = createFilter(100_000)
  const there = hashes(100_000)
  for (const hash of there) filter.add(hash)
  assert.ok(there.every(filter.mayHave))
  assert.ok(hashes(100_000).filter(filter.mayHave).length < 1000)
})

describe('which keys may be there', () => {
  const idOf = (i: number): string =>
    `${i % 5 === 0 ? 'long '.repeat(i % 2 === 0 ? 250 : 80) : ''}id ${i} ${i % 7 === 0 ? '鍵\ud800' : ''}`
  let folder: string
  let env: RootDatabase
  let db: Bytes
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'feedloop-presence-'))
    env = open({ path: folder, encoding: 'binary' })
    db = env.openDB('keys', { encoding: 'binary', keyEncoder } as never) as Bytes
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const fill = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) void db.put(idOf(i), Buffer.from('row'))
    await db.flushed
  }
  const count = (presence: { mayHave(key: string): boolean }, from: number, to: number): number => {
    let found = 0
    for (let i = from; i < to; i++) if (presence.mayHave(idOf(i))) found++
    return found
  }

  test('none that is there is ever denied while the keys on disk are looked at, and others are once they have been', async () => {
    await fill(0, 20_000)
    const waiting = [idOf(20_000), idOf(20_001)]
    const presence = createPresence({ db, size: () => 20_002, pending: () => waiting })
    let next = 20_002
    for (let turn = 0; turn < 3; turn++) {
      presence.advance()
      presence.add(idOf(next++))
      assert.equal(count(presence, 0, next), next)
    }
    assert.ok(count(presence, 100_000, 120_000) < 200)
    await env.close()
  })

  test('a filter that has grown full is made anew of what is there by then', async () => {
    await fill(0, 1000)
    let size = 1000
    const presence = createPresence({ db, size: () => size, pending: () => [] })
    presence.advance()
    for (let i = 1000; i < 400_000; i++) presence.add(idOf(i))
    assert.ok(count(presence, 500_000, 520_000) > 15_000, 'full')
    size = 1000
    presence.advance()
    assert.equal(count(presence, 0, 1000), 1000)
    assert.ok(count(presence, 500_000, 520_000) < 200)
    await env.close()
  })
})
