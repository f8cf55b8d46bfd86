/**
 * Journals: the rows of one transaction that wait (memtable.ts), and before them what it merged.
 *
 *   entry: table 1 | key bytes 4 | row bytes 4 | key | row
 *
 * A row begins with its kind. Of what was merged the entry's key is where it began, and the row where the next range does, as JSON.
 */
import type { Merge } from './memtable.ts'

const HEAD = 9
const KIND = { row: 0, deleted: 1, merged: 2 } as const

export interface Journal {
  /** Before any row. */
  merged(merge: Pick<Merge, 'table' | 'from' | 'to'>): void
  add(table: number, key: string, row: Buffer | null): void
  readonly bytes: () => Buffer
}

export function createJournal(): Journal {
  const pieces: Buffer[] = []
  const addEntry = (table: number, key: string, kind: number, row: Buffer | null): void => {
    const size = Buffer.byteLength(key)
    const head = Buffer.allocUnsafe(HEAD + size + 1)
    head[0] = table
    head.writeUInt32LE(size, 1)
    head.writeUInt32LE(1 + (row?.length ?? 0), 5)
    head.write(key, HEAD)
    head[HEAD + size] = kind
    pieces.push(head)
    if (row) pieces.push(row)
  }
  return {
    merged: ({ table, from, to }) => addEntry(table, from, KIND.merged, Buffer.from(JSON.stringify(to))),
    add: (table, key, row) => addEntry(table, key, row ? KIND.row : KIND.deleted, row),
    bytes: () => Buffer.concat(pieces),
  }
}

export interface Entry {
  readonly table: number
  readonly key: string
  /** With its kind. */
  readonly row: Buffer
  /** Bytes of all of it. */
  readonly size: number
}

export function* entriesOf(journal: Buffer): Iterable<Entry> {
  for (let offset = 0; offset < journal.length; ) {
    const keyEnd = offset + HEAD + journal.readUInt32LE(offset + 1)
    const end = keyEnd + journal.readUInt32LE(offset + 5)
    const key = journal.toString('utf8', offset + HEAD, keyEnd)
    yield { table: journal[offset], key, row: journal.subarray(keyEnd, end), size: end - offset }
    offset = end
  }
}

/** It is no row but tells of what was merged. */
export const isMerged = (row: Buffer): boolean => row[0] === KIND.merged

/** Of what was merged: up to where; null: to the end. */
export const mergedTo = (row: Buffer): string | null => JSON.parse(row.toString('utf8', 1)) as string | null

/** Null: deleted. */
export const withoutKind = (row: Buffer): Buffer | null => (row[0] === KIND.deleted ? null : row.subarray(1))
