/** The reader's rule as a table of cases, for the reader here (reader.test.ts) and the one in Python (python.ts). */
import { encodeHeader, type Head, STEP_HEADER } from '../../../src/log/chain/header.ts'
import type { ReaderStart } from '../../../src/log/chain/reader.ts'
import type { LogRecord } from '../../../src/log/log.ts'

interface Written {
  readonly id: number
  readonly prev: Head | null
  readonly outputs?: number
  readonly epoch?: number
}

const idOf = (n: number): string => n.toString(16).padStart(16, '0')
export const at = (offset: number, id: number): Head => ({ offset, id: idOf(id) })

/** Records of the batches, one after the other from `base`. */
export function written(batches: readonly Written[], base = 0): LogRecord[] {
  const records: LogRecord[] = []
  for (const { id, prev, outputs = 1, epoch = 0 } of batches) {
    const count = Math.max(1, outputs)
    const header = encodeHeader({
      version: 1,
      id: idOf(id),
      prev,
      epoch,
      inputs: [],
      tick: { timeMs: 0, watermarkMs: -1 },
      count,
      outputs,
      partitions: 1,
    })
    for (let i = 0; i < count; i++) {
      const value = outputs === 0 ? null : Buffer.from(`${id}.${i}`)
      records.push({
        topic: 't',
        partition: 0,
        offset: base + records.length,
        key: null,
        value,
        headers: i === 0 ? { [STEP_HEADER]: header } : {},
        timestampMs: 0,
      })
    }
  }
  return records
}

interface Case {
  readonly name: string
  readonly start: ReaderStart
  readonly base?: number
  readonly log: readonly Written[]
  /** Offsets of the accepted batches. */
  readonly accepted: readonly number[]
  readonly lost?: boolean
  /** What the Python reader is started with; absent: the case is not for it. */
  readonly python?: unknown
}

export const genesis: ReaderStart = { from: 'genesis' }
export const cases: Case[] = [
  {
    name: 'a chain',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: at(0, 1) },
      { id: 3, prev: at(1, 2) },
    ],
    accepted: [0, 1, 2],
    python: null,
  },
  {
    name: 'of two rivals the first wins',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: at(0, 1) },
      { id: 3, prev: at(0, 1) },
      { id: 4, prev: at(1, 2) },
    ],
    accepted: [0, 1, 3],
    python: null,
  },
  {
    name: 'of two beginnings the first wins',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: null },
      { id: 3, prev: at(0, 1) },
    ],
    accepted: [0, 2],
    python: null,
  },
  {
    name: 'the same batch stored twice counts once',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: at(0, 1) },
      { id: 2, prev: at(0, 1) },
      { id: 3, prev: at(1, 2) },
    ],
    accepted: [0, 1, 3],
    python: null,
  },
  {
    name: 'progress without output',
    start: genesis,
    log: [
      { id: 1, prev: null, outputs: 0 },
      { id: 2, prev: at(0, 1), outputs: 3 },
      { id: 3, prev: at(1, 2) },
    ],
    accepted: [0, 1, 4],
    python: null,
  },
  {
    name: 'a late batch of an older step is skipped',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: at(0, 1) },
      { id: 3, prev: at(1, 2) },
      { id: 9, prev: at(0, 1) },
      { id: 4, prev: at(2, 3) },
    ],
    accepted: [0, 1, 2, 4],
    python: null,
  },
  {
    name: 'a new epoch is taken up, and the older one ends',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: null, epoch: 7 },
      { id: 3, prev: at(0, 1) },
      { id: 4, prev: at(1, 2), epoch: 7 },
    ],
    accepted: [0, 1, 3],
    python: null,
  },
  {
    name: 'of two adoptions the first wins',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: null, epoch: 7 },
      { id: 3, prev: null, epoch: 7 },
      { id: 4, prev: at(1, 2), epoch: 7 },
    ],
    accepted: [0, 1, 3],
    python: null,
  },
  {
    name: 'from a stored head, read again',
    start: { from: 'head', head: at(4, 1), reread: true },
    base: 4,
    log: [
      { id: 1, prev: at(0, 5) },
      { id: 2, prev: at(4, 1) },
      { id: 3, prev: at(4, 1) },
    ],
    accepted: [4, 5],
  },
  {
    name: 'another batch where the head stood',
    start: { from: 'head', head: at(4, 1), reread: true },
    base: 4,
    log: [
      { id: 8, prev: at(0, 5) },
      { id: 2, prev: at(4, 8) },
    ],
    accepted: [],
    lost: true,
  },
  {
    name: 'a batch that names what was never accepted',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 2, prev: at(0, 1) },
      { id: 3, prev: at(1, 9) },
    ],
    accepted: [0, 1],
    lost: true,
    python: null,
  },
  {
    name: 'a lost log is mended by a newer epoch',
    start: genesis,
    log: [
      { id: 1, prev: null },
      { id: 3, prev: at(0, 9) },
      { id: 4, prev: null, epoch: 3 },
      { id: 5, prev: at(2, 4), epoch: 3 },
    ],
    accepted: [0, 2, 3],
  },
  {
    name: 'from an offset: the one that is named, and back',
    start: { from: 'offset', offset: 10 },
    base: 10,
    log: [
      { id: 1, prev: at(7, 7) },
      { id: 2, prev: at(7, 7) },
      { id: 3, prev: at(10, 1) },
      { id: 4, prev: at(12, 3) },
    ],
    accepted: [10, 12, 13],
    python: 'anywhere',
  },
  {
    name: 'from an offset: the first may be the loser',
    start: { from: 'offset', offset: 10 },
    base: 10,
    log: [
      { id: 1, prev: at(7, 7) },
      { id: 2, prev: at(8, 8) },
      { id: 3, prev: at(11, 2) },
    ],
    accepted: [11, 12],
    python: 'anywhere',
  },
  {
    name: 'from an offset: the last batch is no anchor',
    start: { from: 'offset', offset: 10 },
    base: 10,
    log: [
      { id: 1, prev: at(7, 7) },
      { id: 2, prev: at(8, 8) },
    ],
    accepted: [],
    python: 'anywhere',
  },
]
