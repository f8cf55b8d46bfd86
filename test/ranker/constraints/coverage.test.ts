/**
 * From decisions of one policy the value of another, 2,000 times over: how often does the 95 % interval of the inverse
 * propensity estimate hold the truth, is the estimate right on average, do the weights have a mean of 1? Single slots and
 * slates, free and under constraints, which both policies are under.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExplorerConfig } from '../../../src/config.ts'
import { createLimits, unlimited } from '../../../src/ranker/constraints/limits.ts'
import { createExplorer } from '../../../src/ranker/explorers/named.ts'
import { sampleSlate } from '../../../src/ranker/slate.ts'
import { createRandom } from '../../../src/state/random.ts'
import { meanOf, sum } from '../statistics.ts'
import { constrained, possibleSlates, type Slate } from './long-way.ts'

const runs = 2000
/** Enough for the mean of skewed weights to be about normal: with 600 an interval of three drawn slots under constraints held 93.0 %. */
const decisions = 1000
const clickChance = [0.1, 0.4, 0.2, 0.6, 0.3, 0.5]
const chanceAt = (item: number, position: number): number => clickChance[item] * 0.7 ** position
const mean = Float64Array.of(0.3, 0.1, 0.5, 0.2, 0, 0.4)
const loggingScorer = { mean, deviation: new Float64Array(mean.length).fill(0.3) }
const target = createExplorer({ name: 'softmax', temperature: 0.7, exponent: 0, epsilon: 0 }).open(
  { mean: Float64Array.of(0.1, 0.5, 0.2, 0.6, 0.4, 0.3) },
  createRandom(1),
)
const chance = createRandom(3)
const vectors = Array.from(mean, () => Float32Array.from({ length: 6 }, () => chance.normal()))

const limited: Omit<Slate, 'slots'> = {
  vectors,
  pins: [{ position: 1, candidate: 5 }],
  constraints: constrained({
    masked: [5],
    quotas: [{ name: 'kind:a', floor: 1, cap: 2, candidates: [0, 1, 4] }],
    shifts: [{ by: 0.5, candidates: [1, 2] }],
    diversity: { kind: 'dpp', strength: 0.5 },
  }),
}
const free: Omit<Slate, 'slots'> = { vectors, pins: [], constraints: constrained({}) }

const logging = {
  softmax: { name: 'softmax', temperature: 0.6, exponent: 0, epsilon: 0.05 },
  thompson: { name: 'thompson', epsilon: 0.5, alpha: 2, draws: 16, optimistic: false, sharpness: 1 },
  uniform: { name: 'uniform' },
} as const satisfies Record<string, ExplorerConfig>

interface Case {
  readonly explorer: keyof typeof logging
  readonly slate: Slate
}
const all: readonly Case[] = (['softmax', 'thompson', 'uniform'] as const).flatMap(explorer =>
  [free, limited].flatMap(rules =>
    [1, 2, 3].map(drawn => ({ explorer, slate: { ...rules, slots: drawn + rules.pins.length } })),
  ),
)
/** The rest is tried by `npm run test:long`. */
const quick = ({ explorer, slate }: Case) => explorer === 'softmax' && (slate.slots === 4 || slate.pins.length === 0)
const cases = process.env.FEEDLOOP_RUNS ? all : all.filter(quick)

const clicksOf = (items: readonly number[]): number => sum([...items.entries()], ([at, item]) => chanceAt(item, at))

/** One run: weights and weighted rewards of decisions of the logging policy. */
function log({ explorer, slate }: Case, targetOf: ReadonlyMap<string, number>, seed: number) {
  const random = createRandom(seed)
  const configured = createExplorer(logging[explorer])
  const weights: number[] = []
  const estimates: number[] = []
  for (let i = 0; i < decisions; i++) {
    const { constraints, pins, slots } = slate
    const limits = pins.length === 0 ? unlimited(mean.length) : createLimits(constraints, pins, slots, vectors)
    const { draws } = sampleSlate(configured.open(loggingScorer, random), random, mean.length, slots, limits)
    const logged = draws.reduce((product, { conditional }) => product * conditional, 1)
    const weight = (targetOf.get(draws.map(({ candidate }) => candidate).join()) ?? 0) / logged
    const clicks = draws.filter(({ candidate }, at) => random.uniform() < chanceAt(candidate, at)).length
    weights.push(weight)
    estimates.push(weight * clicks)
  }
  return { weights, estimates }
}

for (const each of cases) {
  const { explorer, slate } = each
  test(`${explorer}, ${slate.slots} slots, ${slate.pins.length ? 'constrained' : 'free'}: intervals hold the truth`, t => {
    const possible = possibleSlates(slate, target)
    const targetOf = new Map(possible.map(({ items, probability }) => [items.join(), probability]))
    const truth = sum(possible, ({ items, probability }) => probability * clicksOf(items))
    const values: number[] = []
    const means: number[] = []
    let held = 0
    let leastSize = Number.POSITIVE_INFINITY
    for (let run = 0; run < runs; run++) {
      const { weights, estimates } = log(each, targetOf, 1000 + run)
      const value = meanOf(estimates)
      if (Math.abs(value.mean - truth) <= 1.96 * value.error) held++
      values.push(value.mean)
      means.push(meanOf(weights).mean)
      leastSize = Math.min(leastSize, sum(weights, w => w) ** 2 / sum(weights, w => w * w))
    }
    const bias = meanOf(values)
    const weight = meanOf(means)
    t.diagnostic(
      `held ${held / runs}, bias ${((bias.mean - truth) / bias.error).toFixed(2)} s.e., least size ${leastSize.toFixed(0)}`,
    )
    assert.ok(leastSize >= 200, `effective sample size ${leastSize}`)
    assert.ok(held >= 0.935 * runs, `${held} of ${runs} intervals hold the truth`)
    assert.ok(Math.abs(bias.mean - truth) <= 3 * bias.error, `${bias.mean} ± ${bias.error}, not ${truth}`)
    assert.ok(Math.abs(weight.mean - 1) <= 3 * weight.error, `mean weight ${weight.mean} ± ${weight.error}`)
  })
}
