import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ExplorerConfig, parseConfig } from '../../src/config.ts'
import type { Scorer } from '../../src/models/policy.ts'
import { explorers } from '../../src/ranker/explorers/named.ts'
import { sampleSlate } from '../../src/ranker/slate.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'
import { possibleSlates } from './slates.ts'
import { chiSquareBound, chiSquareZ, sum } from './statistics.ts'

const draws = 20_000
const names = Object.keys(explorers) as ExplorerConfig['name'][]
const settings: ExplorerConfig = {
  ...parseConfig({}).policies[0].explorer,
  draws: 64,
  epsilon: 0.1,
  temperature: 0.5,
  alpha: 1,
}
const mean = Float64Array.of(0.3, 0.1, 0.5, 0.45, -0.2)
const count = mean.length
const scorer: Scorer = { mean, deviation: Float64Array.of(0.3, 0.5, 0.1, 0.2, 0.4) }
const openWith = (name: ExplorerConfig['name'], seed: number, config = settings) =>
  explorers[name].open(scorer, createRandom(seed), config)

for (const name of names)
  for (const slots of [1, 2, 3]) {
    test(`${name}, ${slots} slots: slates come as often as logged`, () => {
      const exploration = openWith(name, 42)
      const seen = new Map<string, number>()
      for (let i = 0; i < draws; i++) {
        const slate = sampleSlate(exploration, createRandom(seedOf(`draw-${i}`)), count, slots)
        const key = slate.draws.map(draw => draw.candidate).join()
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
      const possible = possibleSlates(exploration, count, slots)
      assert.ok(Math.abs(sum(possible, slate => slate.probability) - 1) < 1e-9)
      const cells = possible.map(({ items, probability }) => ({
        observed: seen.get(items.join()) ?? 0,
        expected: draws * probability,
      }))
      assert.equal(
        sum(cells, cell => cell.observed),
        draws,
        'a slate of probability 0 was shown',
      )
      assert.ok(chiSquareZ(cells) < chiSquareBound, `z = ${chiSquareZ(cells)}`)
    })

    test(`${name}, ${slots} slots: with a new model of chance each time, hits minus propensities is a martingale`, () => {
      const gap = new Float64Array(count)
      const variance = new Float64Array(count)
      for (let i = 0; i < 4000; i++) {
        const random = createRandom(seedOf(`request-${i}`))
        const exploration = explorers[name].open(scorer, random, settings)
        const slate = sampleSlate(exploration, random, count, slots)
        for (let a = 0; a < count; a++) {
          gap[a] += (slate.draws[0].candidate === a ? 1 : 0) - slate.firstSlot[a]
          variance[a] += slate.firstSlot[a] * (1 - slate.firstSlot[a])
        }
      }
      gap.forEach((total, a) => {
        assert.ok(Math.abs(total) <= 4.5 * Math.sqrt(variance[a]) + 1e-9, `candidate ${a}: ${total} vs ${variance[a]}`)
      })
    })
  }

test('every slot is a distribution over what is left, nothing shown has propensity 0, nothing is shown twice', () => {
  const scores = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      scores,
      fc.integer({ min: 1, max: 14 }),
      fc.constantFrom(0, 0.01, 1),
      (name, means, slots, epsilon) => {
        const each: Scorer = { mean: Float64Array.from(means), deviation: new Float64Array(means.length).fill(0.5) }
        const random = createRandom(seedOf(means.join()))
        const exploration = explorers[name].open(each, random, { ...settings, epsilon })
        const slate = sampleSlate(exploration, random, means.length, slots)
        const items = slate.draws.map(draw => draw.candidate)
        assert.equal(items.length, Math.min(slots, means.length))
        assert.equal(new Set(items).size, items.length)
        assert.ok(slate.draws.every(draw => draw.conditional > 0 && draw.conditional <= 1))
        assert.ok(Math.abs(sum([...slate.firstSlot], p => p) - 1) < 1e-9)
        const available = new Uint8Array(means.length).fill(1)
        const out = new Float64Array(means.length)
        for (const { candidate, conditional } of slate.draws) {
          exploration.conditional(available, out)
          assert.ok(Math.abs(sum([...out], p => p) - 1) < 1e-9)
          assert.ok(out.every((p, i) => available[i] === 1 || p === 0))
          assert.equal(conditional, out[candidate])
          available[candidate] = 0
        }
      },
    ),
  )
})

test('thompson: the first slot is the share of draws that each candidate wins, mixed with the floor', () => {
  const rows = [
    [1, 0, 0],
    [0, 2, 1],
    [0, 3, 1],
    [0, 0, 1],
  ]
  let next = 0
  const fixed: Scorer = {
    mean: new Float64Array(3),
    draw: (_random, _alpha, out) => out.set(rows[next++]),
  }
  const exploration = explorers.thompson.open(fixed, createRandom(1), { ...settings, draws: 4, epsilon: 0.3 })
  const out = new Float64Array(3)
  exploration.conditional(Uint8Array.of(1, 1, 1), out)
  assert.deepEqual([...out].map(round), [0.275, 0.45, 0.275])
  exploration.conditional(Uint8Array.of(1, 0, 1), out)
  assert.deepEqual([...out].map(round), [0.325, 0, 0.675], 'the same draws, best of what is left')
})

test('softmax: Plackett-Luce by the temperature', () => {
  const pair: Scorer = { mean: Float64Array.of(1000, 1000 + Math.log(3)) }
  const out = new Float64Array(2)
  const at = (temperature: number) => {
    explorers.softmax
      .open(pair, createRandom(1), { ...settings, temperature, epsilon: 0 })
      .conditional(Uint8Array.of(1, 1), out)
    return [...out].map(round)
  }
  assert.deepEqual(at(1), [0.25, 0.75])
  assert.deepEqual(at(0.5), [0.1, 0.9])
})

test('greedy and an epsilon-greedy without epsilon say that they are deterministic, the others are exact', () => {
  const kinds = (config: ExplorerConfig) => names.map(name => `${name} ${explorers[name].propensityKind(config)}`)
  assert.deepEqual(
    kinds({ ...settings, epsilon: 0 }).filter(kind => kind.endsWith('deterministic')),
    ['epsilon-greedy deterministic', 'greedy deterministic'],
  )
  assert.deepEqual(
    kinds(settings).filter(kind => !kind.endsWith('exact')),
    ['greedy deterministic'],
  )
})

test('the configuration refuses an explorer without the posterior that it needs', () => {
  for (const name of names) {
    const check = () => parseConfig({ policies: [{ algorithm: 'two-tower', explorer: { name } }] })
    if (explorers[name].needsPosterior) assert.throws(check, /explorer thompson needs a posterior/)
    else assert.doesNotThrow(check)
    assert.doesNotThrow(() => parseConfig({ policies: [{ algorithm: 'linear-gaussian', explorer: { name } }] }))
  }
})

const round = (value: number): number => Math.round(value * 1e9) / 1e9
