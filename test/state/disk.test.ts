import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { open } from 'lmdb'
import { jsonCodec } from '../../src/state/codec.ts'
import { openDisk } from '../../src/state/disk.ts'
import type { DropReason } from '../../src/state/disk-files.ts'
import { type Codec, memoryTable, type Table } from '../../src/state/table.ts'
import { pointAt } from './point.ts'

interface Rows {
  readonly one: number
  readonly two: { readonly text: string; readonly bytes: Buffer }
  readonly three: Whole
}
/** What never changes of it, and what does. */
interface Whole {
  readonly part: { readonly made: number }
  readonly count: number
}

const wholeCodec: Codec<Whole> = {
  scattered: true,
  filtered: true,
  fixed: { of: whole => whole.part, encode: whole => plain.encode(whole.part), decode: bytes => plain.decode(bytes) },
  encode: ({ count }) => plain.encode(count),
  decode: (bytes, part) => ({ part: part as Whole['part'], count: plain.decode(bytes) }),
}
const plain = jsonCodec<never>() as Codec<never> & { encode(value: unknown): Buffer }

let folder: string
let drops: DropReason[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'feedloop-disk-'))
  drops = []
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const openRows = (options: { version?: string; flushBytes?: number; cacheBytes?: number } = {}) =>
  openDisk<Rows>({
    folder: join(folder, 'state'),
    version: '1',
    codecs: { one: jsonCodec(), two: jsonCodec(), three: wholeCodec },
    cacheBytes: 1000,
    now: Date.now,
    dropped: reason => void drops.push(reason),
    ...options,
  })

/** In key order, but for long keys that differ only at their ends. */
const entries = <V>(table: Table<V>, from: string, to: string): (readonly [string, V])[] => {
  const all = [...table.range(from, to)]
  const isLong = ([key]: readonly [string, V]): boolean => key.startsWith(long)
  const last = all.findIndex(isLong)
  const longs = all.filter(isLong).sort(([a], [b]) => (a < b ? -1 : 1))
  return all.filter(entry => !isLong(entry)).toSpliced(Math.max(0, last), 0, ...longs)
}
const dump = <V>(table: Table<V>) => entries(table, '', '\u{10ffff}')

/** Ids that collide in every way: prefixes of each other, beyond ASCII, longer than a key may be. */
const long = 'x'.repeat(1500)
const keys = ['', 'a', 'a\0b', 'a\0', 'ab', 'ä', '鍵', '😀', '\uffee', long, `${long}y`, `${long}z`, 'b'.repeat(1023)]
const key = fc.constantFrom(...keys)
const bound = fc.constantFrom(...keys.filter(each => !each.startsWith(long)), '\u{10ffff}')
type Operation =
  | { do: 'set'; key: string; value: number }
  | { do: 'delete' | 'get'; key: string }
  | { do: 'commit' | 'discard' | 'wait' | 'reopen' | 'size' }
  | { do: 'range'; from: string; to: string }
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, value: fc.integer() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'get' as const), key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'size' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('discard' as const, 'wait' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('range' as const), from: bound, to: bound }) },
)

describe('tables on disk', () => {
  test('behave as those on the heap under any operations', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 40 }),
        fc.constantFrom(1, 300, 1 << 20),
        async (operations, flushBytes) => {
          rmSync(join(folder, 'state'), { recursive: true, force: true })
          const heap = memoryTable<number>()
          let disk = await openRows({ flushBytes })
          let offset = 0
          for (const each of operations) {
            const { one } = disk.tables
            if (each.do === 'set') {
              heap.set(each.key, each.value)
              one.set(each.key, each.value)
            } else if (each.do === 'delete') {
              heap.delete(each.key)
              one.delete(each.key)
            } else if (each.do === 'get') assert.equal(one.get(each.key), heap.get(each.key))
            else if (each.do === 'size') assert.equal(one.size, heap.size)
            else if (each.do === 'range')
              assert.deepEqual(entries(one, each.from, each.to), entries(heap, each.from, each.to))
            else if (each.do === 'commit') {
              heap.commit()
              disk.commit(pointAt(++offset))
            } else if (each.do === 'discard') {
              heap.discard()
              disk.discard()
            } else if (each.do === 'wait') await disk.room()
            else {
              heap.discard()
              await disk.close()
              disk = await openRows({ flushBytes })
              assert.equal(disk.openedAt?.head.offset ?? 0, offset)
            }
          }
          assert.deepEqual(dump(disk.tables.one), dump(heap))
          await disk.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  test('rows that wait and fixed parts behave likewise, and no part is left behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 60 }),
        fc.constantFrom(1, 300, 1 << 20),
        fc.constantFrom(1, 400, 1 << 20),
        async (operations, flushBytes, cacheBytes) => {
          rmSync(join(folder, 'state'), { recursive: true, force: true })
          const heap = memoryTable<Whole>()
          let disk = await openRows({ flushBytes, cacheBytes })
          let offset = 0
          for (const each of operations) {
            const { three } = disk.tables
            if (each.do === 'set') {
              // Of every third value the part is another: as if it had been deleted and made anew.
              const known = each.value % 3 === 0 ? undefined : three.get(each.key)
              const value = { part: known?.part ?? { made: each.value }, count: each.value }
              heap.set(each.key, value)
              three.set(each.key, value)
            } else if (each.do === 'delete') {
              heap.delete(each.key)
              three.delete(each.key)
            } else if (each.do === 'get') assert.deepEqual(three.get(each.key), heap.get(each.key))
            else if (each.do === 'size') assert.equal(three.size, heap.size)
            else if (each.do === 'range')
              assert.deepEqual(entries(three, each.from, each.to), entries(heap, each.from, each.to))
            else if (each.do === 'commit') {
              heap.commit()
              disk.commit(pointAt(++offset))
            } else if (each.do === 'discard') {
              heap.discard()
              disk.discard()
            } else if (each.do === 'wait') await disk.room()
            else {
              heap.discard()
              await disk.close()
              disk = await openRows({ flushBytes, cacheBytes })
            }
          }
          heap.discard()
          disk.discard()
          assert.deepEqual(dump(disk.tables.three), dump(heap))
          assert.equal(disk.tables.three.size, heap.size)
          await disk.close()
          assert.equal(await partsOnDisk(), heap.size)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('what came after the filter of a table was made is found, and what was discarded is not', async () => {
    const disk = await openRows({ flushBytes: 1 })
    const { three } = disk.tables
    const value = { part: { made: 1 }, count: 1 }
    for (const offset of [1, 2]) {
      three.set(`before ${offset}`, value)
      disk.commit(pointAt(offset))
    }
    await disk.room()
    assert.equal(three.get('after'), undefined)
    three.set('after', value)
    three.set('discarded', value)
    disk.discard()
    three.set('after', value)
    disk.commit(pointAt(3))
    assert.deepEqual(
      ['before 1', 'before 2', 'after', 'discarded'].map(id => three.get(id)?.count),
      [1, 1, 1, undefined],
    )
    assert.equal(three.size, 3)
    await disk.close()
  })

  const partsOnDisk = async (): Promise<number> => {
    const env = open({ path: join(folder, 'state', 'data'), noSubdir: false, maxDbs: 12 })
    const { entryCount } = env.openDB('three.parts', {}).getStats() as { entryCount: number }
    await env.close()
    return entryCount
  }

  const filled = async (options: Parameters<typeof openRows>[0] = {}) => {
    const disk = await openRows(options)
    disk.tables.two.set('k', { text: 'ü', bytes: Buffer.from([0, 255]) })
    disk.commit(pointAt(5))
    await disk.close()
  }

  test('values come back as they were, with the step after which they were so', async () => {
    await filled()
    const disk = await openRows()
    assert.deepEqual(disk.openedAt, pointAt(5))
    assert.deepEqual(disk.tables.two.get('k'), { text: 'ü', bytes: Buffer.from([0, 255]) })
    assert.deepEqual(drops, [])
    await disk.close()
  })
  test('another version is dropped', async () => {
    await filled()
    const disk = await openRows({ version: '2' })
    assert.deepEqual([drops, disk.openedAt, disk.tables.two.size], [['version'], null, 0])
    await disk.close()
  })
  test('a state that was not the state after any step is dropped', async () => {
    const disk = await openRows()
    disk.tables.one.set('half', 1)
    disk.commit()
    await disk.close()
    const again = await openRows()
    assert.deepEqual([drops, again.openedAt, again.tables.one.get('half')], [['unfinished'], null, undefined])
    await again.close()
  })
  for (const [name, tear] of [
    ['cut short', (file: string) => truncateSync(file, 8192)],
    ['emptied', (file: string) => truncateSync(file, 0)],
    ['overwritten at its head', (file: string) => writeFileSync(file, Buffer.alloc(16384, 7))],
  ] as const)
    test(`a file that is ${name} is dropped, and the tables work`, async () => {
      await filled()
      tear(join(folder, 'state', 'data', 'data.mdb'))
      const disk = await openRows()
      assert.deepEqual([disk.openedAt, disk.tables.two.get('k')], [null, undefined])
      disk.tables.two.set('k', { text: 'new', bytes: Buffer.alloc(0) })
      disk.commit(pointAt(6))
      await disk.close()
      const again = await openRows()
      assert.equal(again.tables.two.get('k')?.text, 'new')
      await again.close()
    })
  test('a file at which five processes died is dropped', async () => {
    await filled()
    writeFileSync(join(folder, 'state', 'opening'), '5')
    const disk = await openRows()
    assert.deepEqual([drops, disk.openedAt], [['crashed'], null])
    await disk.close()
    const again = await openRows()
    assert.equal(drops.length, 1, 'the count begins anew')
    await again.close()
  })
  test('a disk that refuses stops the writer with a code, and what it took before is whole', async () => {
    const child = fileURLToPath(new URL('full-child.ts', import.meta.url))
    const script = 'trap "" XFSZ; ulimit -f 4096; exec "$0" "$@"'
    const args = ['-c', script, process.execPath, child, join(folder, 'full')]
    const { stdout } = spawnSync('sh', args, { encoding: 'utf8', timeout: 60_000 })
    assert.equal(stdout, 'STATE_WRITE_FAILED')
    const disk = await openDisk<{ one: string }>({
      folder: join(folder, 'full'),
      version: '1',
      codecs: { one: jsonCodec() },
      cacheBytes: 1000,
      now: Date.now,
      dropped: reason => void drops.push(reason),
    })
    assert.deepEqual(drops, [])
    assert.ok(disk.openedAt!.head.offset > 1)
    assert.equal(disk.tables.one.size, 200 * disk.openedAt!.head.offset)
    assert.equal([...disk.tables.one.range('', '\u{10ffff}')].length, disk.tables.one.size)
    await disk.close()
  })
})
