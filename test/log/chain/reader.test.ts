/** The reader's rule as a table of cases; the same vectors go through the Python reader. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Head } from '../../../src/log/chain/header.ts'
import { encodeHeader, STEP_HEADER } from '../../../src/log/chain/header.ts'
import type { ReaderStart } from '../../../src/log/chain/reader.ts'
import { createReader } from '../../../src/log/chain/reader.ts'
import type { LogRecord } from '../../../src/log/log.ts'

interface Written {
  readonly id: number
  readonly prev: Head | null
  readonly outputs?: number
  readonly epoch?: number
}

const idOf = (n: number): string => n.toString(16).padStart(16, '0')
const at = (offset: number, id: number): Head => ({ offset, id: idOf(id) })

/** Records of the batches, one after the other from `base`. */
function written(batches: readonly Written[], base = 0): LogRecord[] {
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

const genesis: ReaderStart = { from: 'genesis' }
const cases: Case[] = [
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

for (const { name, start, base, log, accepted, lost = false } of cases) {
  test(`${name}, in pieces of any size`, () => {
    const records = written(log, base)
    for (let size = 1; size <= records.length; size++) {
      const reader = createReader(start)
      const found: number[] = []
      for (let i = 0; i < records.length; i += size)
        for (const batch of reader.feed(records.slice(i, i + size))) found.push(batch.head.offset)
      assert.deepEqual(found, accepted)
      assert.equal(reader.fault !== null, lost)
      assert.equal(reader.skipped, reader.anchored ? log.length - accepted.length : 0)
    }
  })
}

test('from inside a batch its rest is dropped', () => {
  const records = written([
    { id: 1, prev: null, outputs: 3 },
    { id: 2, prev: at(0, 1) },
    { id: 3, prev: at(3, 2) },
  ]).slice(1)
  assert.deepEqual(
    createReader({ from: 'offset', offset: 1 })
      .feed(records)
      .map(batch => batch.head.offset),
    [3, 4],
  )
})

test('a head known from elsewhere anchors what no batch names', () => {
  const reader = createReader({ from: 'offset', offset: 10 })
  assert.deepEqual(reader.feed(written([{ id: 1, prev: at(7, 7) }], 10)), [])
  assert.deepEqual(
    reader.witness(at(7, 7)).map(batch => batch.head.offset),
    [10],
  )
})

test('a record of somebody else is refused with a code', () => {
  const [record] = written([{ id: 1, prev: null }])
  assert.throws(() => createReader(genesis).feed([{ ...record!, headers: {} }]), { code: 'CHAIN_HEADER_INVALID' })
  const broken = written([
    { id: 1, prev: null, outputs: 2 },
    { id: 2, prev: at(0, 1) },
  ])
  assert.throws(() => createReader(genesis).feed([broken[0]!, broken[2]!]), { code: 'CHAIN_HEADER_INVALID' })
})

const python = spawnSync('python3', ['--version']).status === 0

test('the Python reader accepts the same', { skip: python ? false : 'python3 is not installed' }, () => {
  const script = fileURLToPath(new URL('../../../src/log/chain/', import.meta.url))
  const vectors = cases
    .filter(one => one.python !== undefined)
    .map(({ name, python: start, base, log, accepted, lost = false }) => ({
      name,
      start,
      accepted,
      lost,
      records: written(log, base).map(({ offset, headers, value }) => [
        offset,
        headers[STEP_HEADER]?.toString() ?? null,
        value?.toString() ?? null,
      ]),
    }))
  const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from chain_reader import accepted_batches, IdentityLost
for v in json.load(sys.stdin):
    found, lost = [], False
    try:
        for base, _, _ in accepted_batches(((o, {} if h is None else {"fl-step": h}, None, x) for o, h, x in v["records"]), v["start"]):
            found.append(base)
    except IdentityLost:
        lost = True
    print(json.dumps({"name": v["name"], "accepted": found, "lost": lost}))
`
  const { stdout, stderr, status } = spawnSync('python3', ['-c', program, script], {
    input: JSON.stringify(vectors),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const answers = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
  assert.deepEqual(
    answers,
    vectors.map(({ name, accepted, lost }) => ({ name, accepted, lost })),
  )
})
