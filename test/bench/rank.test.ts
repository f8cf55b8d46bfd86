/** What the ranker's benchmark asks for, and that a run without answers passes no bar. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { barsOf } from '../../bench/rank/bars.ts'
import { type Run, summary } from '../../bench/rank/run.ts'
import { createRequests } from '../../bench/rank/world.ts'

const cpu = { decides: 0.2, gateway: 0, generator: 0, broker: 0 }
const run = (values: Partial<Run>): Run => ({
  p50: 10,
  p95: 20,
  p99: 30,
  failed: 0,
  asked: 100,
  leftBehindMs: 20,
  generatorLateP99: 1,
  cpu,
  cores: 0.4,
  ...values,
})

const cell = (rate: number, candidates: number, ranker: Partial<Run>, echo: Partial<Run> = {}) => ({
  door: 'kafka' as const,
  items: 10,
  rate,
  candidates,
  of: { ranker: summary([run(ranker)]), echo: summary([run(echo)]) },
})
const failing = (...cells: ReturnType<typeof cell>[]): string[] =>
  barsOf({ own: [], rates: [], swaps: [], cells })
    .filter(({ value, atMost }) => !(value <= atMost!))
    .map(({ name }) => name.replace(/ at .*/, ''))

describe('bars', () => {
  test('one and a half times the echo, within one core, nobody left', () => {
    assert.deepEqual(failing(cell(500, 1000, { p99: 45 }), cell(2000, 20, {})), [])
    assert.deepEqual(failing(cell(500, 1000, { p99: 46 })), ['p99 over kafka'])
    assert.deepEqual(failing(cell(2000, 20, { cores: 1.1 })), ['cores'])
    assert.deepEqual(failing(cell(2000, 20, { failed: 1, leftBehindMs: 900 })), ['failed', 'left behind'])
  })
  test('a floor that nobody answered is none', () =>
    assert.deepEqual(failing(cell(500, 1000, {}, { p99: Number.NaN })), ['p99 over kafka']))
  test('of the rounds medians, of failures the most', () => {
    const { p99, failed } = summary([run({ p99: 1, failed: 2 }), run({ p99: 9 }), run({ p99: 4 })])
    assert.deepEqual([p99, failed], [4, 2])
  })
})

describe('requests', () => {
  const ask = () => createRequests({ items: 1000, candidates: 20, seed: 4 })
  test('are the same for every contestant', () => {
    const [one, other] = [ask(), ask()]
    for (let i = 0; i < 50; i++) assert.deepEqual(one(`r${i}`, 1, 2), other(`r${i}`, 1, 2))
  })
  test('name their candidates once, popular ones more often', () => {
    const request = ask()
    const lists = Array.from({ length: 200 }, (_, i) => request(`r${i}`, 1, 2).candidates!)
    for (const list of lists) assert.equal(new Set(list).size, 20)
    const share = (item: string) => lists.filter(list => list.includes(item)).length / lists.length
    assert.ok(share('item-0') > 0.8 && share('item-900') < 0.1)
  })
})
