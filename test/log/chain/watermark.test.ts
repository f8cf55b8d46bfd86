/** The watermark of two inputs by cases: what was seen of them, when they were heard, and where it stands then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClock, type Heard } from '../../../src/log/chain/watermark.ts'
import type { Input } from '../../../src/stage.ts'

const IDLE_MS = 1000
const never = Number.NEGATIVE_INFINITY

const record = (time_ms: number): Input => ({
  topic: 'events',
  partition: 0,
  offset: 0,
  key: null,
  value: { time_ms },
  timestampMs: 7,
  headers: {},
})
/** Something came at `ms`, and what was read after it ended at `endedMs`. */
const heard = (arrivedMs: number, endedMs = never): Heard => ({ arrivedMs, endedMs })
const waiting = heard(Number.POSITIVE_INFINITY)

interface Case {
  readonly name: string
  /** Event times taken from the first and the second input, at `nowMs`. */
  readonly seen?: readonly [readonly number[], readonly number[]]
  readonly nowMs?: number
  readonly heard: readonly [Heard, Heard]
  readonly watermarkMs: number
}

const cases: readonly Case[] = [
  {
    name: 'of two busy inputs the slower holds it',
    seen: [[9000, 8000], [7000]],
    heard: [heard(9900), heard(9900)],
    watermarkMs: 7000,
  },
  {
    name: 'a busy input of which nothing was taken yet holds all',
    seen: [[9000], []],
    heard: [heard(9900), waiting],
    watermarkMs: -1,
  },
  {
    name: 'an idle input does not hold it',
    seen: [[9000], [7000]],
    heard: [heard(9900), heard(9000, 9001)],
    watermarkMs: 9000,
  },
  {
    name: 'an input that was silent for less than idleMs holds it',
    seen: [[9000], [7000]],
    heard: [heard(9900), heard(9001, 9900)],
    watermarkMs: 7000,
  },
  {
    name: 'an input that cannot be read for idleMs is not idle',
    seen: [[9000], [7000]],
    heard: [heard(9900), heard(2000, 9000)],
    watermarkMs: 7000,
  },
  {
    name: 'an input that was never read to its end is not idle',
    seen: [[9000], [7000]],
    heard: [heard(9900), heard(2000)],
    watermarkMs: 7000,
  },
  {
    name: 'an input with untaken records is not idle',
    seen: [[9000], [7000]],
    heard: [heard(9900), { ...waiting, endedMs: 9900 }],
    watermarkMs: 7000,
  },
  {
    name: 'when all are idle it follows the clock at idleMs',
    seen: [[5000], [4000]],
    heard: [heard(8000, 9900), heard(8000, 9900)],
    watermarkMs: 9000,
  },
  {
    name: 'when all are silent but one cannot be read, that one holds it',
    seen: [[5000], [4000]],
    heard: [heard(8000, 9900), heard(8000, 8500)],
    watermarkMs: 4000,
  },
  {
    name: 'a time ahead of the clock counts as the clock',
    seen: [[99_000], [98_000]],
    heard: [heard(9900), heard(9900)],
    watermarkMs: 10_000,
  },
]

for (const { name, seen = [[], []], nowMs = 10_000, heard: both, watermarkMs } of cases)
  test(name, () => {
    const clock = createClock(2, { idleMs: IDLE_MS })
    for (const [input, times] of seen.entries()) clock.see(input, times.map(record), nowMs)
    assert.deepEqual(clock.tick(nowMs, both), { timeMs: nowMs, watermarkMs })
  })

const DAY_MS = 86_400_000
/** So many ticks, a second apart, with the input idle: where the watermark ends. */
const silent = (clock: ReturnType<typeof createClock>, fromMs: number, ticks: number): number => {
  let watermarkMs = 0
  for (let nowMs = fromMs; ticks > 0; ticks--, nowMs += 1000)
    watermarkMs = clock.tick(nowMs, [heard(0, nowMs)]).watermarkMs
  return watermarkMs
}

test('a process that starts after ten days takes them for silence', () => {
  const clock = createClock(1, { idleMs: IDLE_MS })
  clock.advance({ timeMs: 10_000, watermarkMs: 9000 })
  assert.equal(silent(clock, 10 * DAY_MS, 1), 10 * DAY_MS - IDLE_MS)
})

test('of a gap between two ticks of one process no more than idleMs is silence, and then it goes on', () => {
  const clock = createClock(1, { idleMs: IDLE_MS })
  assert.equal(silent(clock, 10_000, 3), 11_000)
  assert.equal(silent(clock, 10 * DAY_MS, 1), 12_000)
  assert.equal(silent(clock, 10 * DAY_MS + 1000, 5), 17_000)
})

test('after a gap what arrives shows that the time did pass', () => {
  const clock = createClock(1, { idleMs: IDLE_MS })
  silent(clock, 10_000, 3)
  clock.see(0, [record(10 * DAY_MS)], 10 * DAY_MS + 500)
  assert.equal(silent(clock, 10 * DAY_MS + 1000, 4), 10 * DAY_MS + 2000)
})

test('a record without a time of its own has its timestamp', () => {
  const clock = createClock(1, { idleMs: IDLE_MS })
  clock.see(0, [{ ...record(0), value: null }], 10_000)
  assert.equal(clock.tick(10_000, [heard(9900)]).watermarkMs, 7)
})

test('neither goes back: not under an older clock, an input that is busy again, or after another task’s step', () => {
  const clock = createClock(1, { idleMs: IDLE_MS })
  const idle = [heard(1000, 9900)]
  clock.advance(clock.tick(10_000, idle))
  assert.deepEqual(clock.tick(9000, idle), { timeMs: 10_000, watermarkMs: 9000 })
  clock.see(0, [record(5000)], 10_100)
  assert.deepEqual(clock.tick(10_100, [heard(10_100)]), { timeMs: 10_100, watermarkMs: 9000 })
  clock.advance({ timeMs: 20_000, watermarkMs: 15_000 })
  assert.deepEqual(clock.tick(10_200, [heard(10_100)]), { timeMs: 20_000, watermarkMs: 15_000 })
})
