import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createJournal } from '../../src/state/journal.ts'
import { createMemtable, type Memtable, type Merge } from '../../src/state/memtable.ts'
import { createRandom } from '../../src/state/random.ts'

const HELD = 200_000
const random = createRandom(3)
const anyKey = (): string => `key-${Math.floor(random.uniform() * 20_000)}`

const journalOf = (merges: readonly Merge[], rows: ReadonlyMap<string, string | null>): Buffer => {
  const journal = createJournal()
  for (const merge of merges) journal.merged(merge)
  for (const [key, row] of rows) journal.add(0, key, row === null ? null : Buffer.from(row))
  return journal.bytes()
}
const textOf = (row: Buffer | null | undefined): string | null | undefined =>
  row?.toString() ?? (row as null | undefined)

/** What the table holds of a memtable that is merged into `disk`. */
const look = (memtable: Memtable, disk: ReadonlyMap<string, string>, key: string) => {
  const row = textOf(memtable.get(0, key))
  return row === undefined ? (disk.get(key) ?? null) : row
}

test('rows are merged in order, the oldest range first, so that memory is bounded and nothing is lost', () => {
  const memtable = createMemtable(1)
  const disk = new Map<string, string>()
  const model = new Map<string, string | null>()
  const journals = new Map<number, Buffer>()
  let mergedRows = 0
  let runs = 0
  for (let number = 0; number < 400; number++) {
    const plan = memtable.plan(HELD)
    const merges = [...plan.merges()]
    for (const { rows } of merges) {
      runs++
      assert.ok(
        rows.every(([key], i) => i === 0 || rows[i - 1][0] < key),
        'in key order',
      )
      for (const [key, row] of rows) {
        mergedRows++
        if (row === null) disk.delete(key)
        else disk.set(key, row.toString())
      }
    }
    for (const gone of plan.journals) journals.delete(gone)
    memtable.merged(plan)
    const rows = new Map<string, string | null>()
    for (let i = 0; i < 200; i++) rows.set(anyKey(), i % 5 === 0 ? null : `row ${number} ${i}`)
    for (const [key, row] of rows) model.set(key, row)
    const bytes = journalOf(merges, rows)
    journals.set(number, bytes)
    memtable.add(number, bytes)
    assert.ok(memtable.bytes <= HELD + bytes.length, `${memtable.bytes} bytes wait`)
    for (let i = 0; i < 20; i++) {
      const key = anyKey()
      assert.equal(look(memtable, disk, key), model.get(key) ?? null)
    }
  }
  const kept = [...journals.values()].reduce((sum, each) => sum + each.length, 0)
  assert.ok(kept < 4 * HELD, `${kept} bytes of journals`)
  assert.ok(mergedRows / runs > 500, `${mergedRows / runs} rows a range: many share a page`)
  const reopened = createMemtable(1)
  reopened.recover([...journals].reverse())
  assert.deepEqual(reopened.keys(0).sort(), memtable.keys(0).sort(), 'what waits, no more')
  for (const [key, row] of model) {
    assert.equal(look(memtable, disk, key), row)
    assert.equal(look(reopened, disk, key), row, 'the journals that are left give the same')
  }
})
