import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { merge } from '../../src/demo/merge.ts'
import { quantiles } from '../../src/demo/report.ts'
import { gapClosed, plainLine, renderDemo } from '../../src/demo/view.ts'

const snapshot = {
  title: 'recogym p10',
  algorithm: 'linear-gaussian',
  place: 'embedded log',
  elapsedSeconds: 45,
  totalSeconds: 90,
  phase: 'live',
  decisions: 61_234,
  decisionsPerSecond: 1360.75,
  events: 20_000,
  modelVersion: '000000000041',
  freshnessMs: { p50: 900, p95: 1500, p99: Number.NaN },
  recentRate: 0.0149,
  overallRate: 0.0141,
  world: { random: 0.0103, bestFixed: 0.0147, oracle: 0.0195 },
}

test('the view shows where the loop stands', () => {
  const text = stripVTControlCharacters(renderDemo(snapshot))
  assert.match(text, /feedloop {2}recogym p10, linear-gaussian {2}on embedded log/)
  assert.match(text, /█{20}░{20} {2}45 s of 90 s/)
  assert.match(text, /50 % of the way from random to oracle/)
  assert.match(text, /decisions 61,234 \(1,361\/s\)/)
  assert.match(text, /p50 0\.90 s {3}p95 1\.50 s {3}p99 –/)
})

test('before the first decision nothing is shown of the policy, and all of the world', () => {
  const text = stripVTControlCharacters(
    renderDemo({ ...snapshot, decisions: 0, recentRate: Number.NaN, overallRate: Number.NaN }),
  )
  assert.doesNotMatch(text, /NaN/)
  assert.match(text, /policy, lately +– *$/m)
  assert.match(text, /oracle +0\.0195 {2}█{30}$/m)
  assert.match(text, /– of the way from random to oracle/)
})

for (const columns of [70, 80, 120])
  test(`no line is longer than a terminal of ${columns} columns`, () => {
    const place = 'Kafka at 127.0.0.1:39519 (started with Java and Maven; no Docker: no container runtime was found)'
    const wide = { ...snapshot, place, decisions: 1e9, events: 1e9, freshnessMs: { p50: 1e7, p95: 1e7, p99: 1e7 } }
    const text = stripVTControlCharacters(renderDemo(wide, columns))
    const longest = Math.max(...text.split('\n').map(line => line.length))
    assert.ok(longest <= columns, `${longest} columns`)
  })

test('a version is shown as a number', () => {
  assert.match(stripVTControlCharacters(renderDemo(snapshot)), /model 41$/m)
  assert.match(stripVTControlCharacters(renderDemo({ ...snapshot, modelVersion: '' })), /model none yet$/m)
})

test('a plain line is short of nothing before the first decision', () => {
  assert.equal(
    plainLine(snapshot),
    'live 45/90 s: 61234 decisions by linear-gaussian, reward rate lately 0.0149, model 41',
  )
  const first = plainLine({
    ...snapshot,
    phase: 'starting',
    elapsedSeconds: 0,
    decisions: 0,
    recentRate: Number.NaN,
    modelVersion: '',
  })
  assert.equal(first, 'starting 0/90 s: 0 decisions by linear-gaussian, reward rate lately none yet, model none yet')
})

test('the share of the gap is 0 at random, 1 at the oracle, negative below random', () => {
  const world = { random: 1, oracle: 3 }
  assert.deepEqual(
    [1, 3, 0].map(rate => gapClosed(rate, world)),
    [0, 1, -0.5],
  )
})

test('quantiles are nearest-rank', () => {
  assert.deepEqual(quantiles([3, 1, 2, 4]), { p50: 2, p95: 4, p99: 4 })
  assert.ok(Number.isNaN(quantiles([]).p50))
})

const merges: readonly [string, unknown, unknown, unknown][] = [
  ['maps key by key', { a: 1, b: { c: 1 } }, { b: { d: 2 } }, { a: 1, b: { c: 1, d: 2 } }],
  ['lists of maps place by place', [{ a: 1 }], [{ b: 2 }, { c: 3 }], [{ a: 1, b: 2 }, { c: 3 }]],
  ['lists of words replaced', ['x', 'y'], ['z'], ['z']],
  ['undefined leaves what is below', { a: 1 }, undefined, { a: 1 }],
]
for (const [name, under, over, expected] of merges)
  test(`merge: ${name}`, () => assert.deepEqual(merge(under, over), expected))
