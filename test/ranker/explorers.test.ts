import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ConfigInput, type ExplorerConfig, parseConfig } from '../../src/config.ts'
import type { Learned, Scorer } from '../../src/models/policy.ts'
import type { Exploration } from '../../src/ranker/explorers/explorer.ts'
import { createExplorer } from '../../src/ranker/explorers/named.ts'
import { explorerNames, explorerNeeds } from '../../src/ranker/explorers/schema.ts'
import { sampleSlate } from '../../src/ranker/slate.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'
import { settings } from './explorer-settings.ts'
import { possibleSlates } from './slates.ts'
import { chiSquareBound, chiSquareZ, sum } from './statistics.ts'

const draws = 200_000
const mean = Float64Array.of(0.3, 0.1, 0.5, 0.45, -0.2)
const count = mean.length
const random = createRandom(7)
const members = Array.from({ length: 6 }, () => mean.map(value => value + 0.2 * random.normal()))
const scorer: Scorer = { mean, deviation: Float64Array.of(0.3, 0.5, 0.1, 0.2, 0.4), members }
const learned: Learned = { decisions: 99, rewardScale: 0.5 }
const open = (config: ExplorerConfig, seed = 42) => createExplorer(config).open(scorer, createRandom(seed), learned)
const each = explorerNames.flatMap(name => [1, 2, 3].map(slots => ({ name, slots })))

/** How unlikely it is that slates drawn from one exploration come from what the other says. */
function disagreement(drawn: Exploration, logged: Exploration, slots: number): number {
  const chance = createRandom(seedOf(`slates of ${slots}`))
  const seen = new Map<string, number>()
  for (let i = 0; i < draws; i++) {
    const slate = sampleSlate(drawn, chance, count, slots)
    const key = slate.draws.map(draw => draw.candidate).join()
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  const possible = possibleSlates(logged, count, slots)
  assert.ok(Math.abs(sum(possible, slate => slate.probability) - 1) < 1e-9)
  const cells = possible.map(({ items, probability }) => ({
    observed: seen.get(items.join()) ?? 0,
    expected: draws * probability,
  }))
  const counted = sum(cells, cell => cell.observed)
  return counted < draws ? Number.POSITIVE_INFINITY : chiSquareZ(cells)
}

for (const { name, slots } of each) {
  test(`${name}, ${slots} slots: slates come as often as logged`, () => {
    const exploration = open(settings[name])
    const z = disagreement(exploration, exploration, slots)
    assert.ok(z < chiSquareBound, `z = ${z}`)
  })

  test(`${name}, ${slots} slots: with a new model of chance each time, hits minus propensities is a martingale`, () => {
    const gap = new Float64Array(count)
    const variance = new Float64Array(count)
    for (let i = 0; i < 4000; i++) {
      const chance = createRandom(seedOf(`request-${i}`))
      const exploration = createExplorer(settings[name]).open(scorer, chance, learned)
      const slate = sampleSlate(exploration, chance, count, slots)
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

describe('the same counts refuse propensities that are a little wrong', () => {
  const wrong: Record<string, readonly [ExplorerConfig, ExplorerConfig]> = {
    'an epsilon of 0.1 logged as 0.11': [settings.linucb, { ...settings.linucb, epsilon: 0.11 }],
    'a gamma of 2 logged as 2.1': [settings.squarecb, { ...settings.squarecb, gamma: 2.1 }],
    'a temperature of 5 logged as 5.2': [settings.softmax, { ...settings.softmax, temperature: 5.2 }],
    'votes of a bag logged under another floor': [settings.bagging, { ...settings.bagging, epsilon: 0.11 }],
    'one policy of the cover more': [settings.cover, { ...settings.cover, policies: 21 }],
    'survivors of another range': [settings['regcb-elimination'], { ...settings['regcb-elimination'], width: 0.001 }],
    'an epsilon of another schedule': [settings['epsilon-greedy'], { ...settings['epsilon-greedy'], exponent: 0.45 }],
  }
  for (const [name, [drawn, logged]] of Object.entries(wrong))
    for (const slots of [1, 2, 3])
      test(`${name}, ${slots} slots`, () => assert.ok(disagreement(open(drawn), open(logged), slots) > chiSquareBound))

  test('other draws logged than those that chose', () => {
    const { thompson } = settings
    assert.ok(disagreement(open(thompson, 1), open(thompson, 2), 1) > chiSquareBound)
  })

  test('later slots from the first slot’s conditional, only renormalised', () => {
    for (const name of ['thompson', 'bagging', 'regcb-elimination', 'squarecb', 'cover'] as const) {
      const drawn = open(settings[name])
      assert.ok(disagreement(drawn, renormalised(drawn), 2) > chiSquareBound, name)
    }
  })
})

function renormalised(exploration: Exploration): Exploration {
  return {
    conditional(available, out) {
      exploration.conditional(new Uint8Array(count).fill(1), out)
      for (let i = 0; i < count; i++) out[i] *= available[i]
      const total = sum([...out], p => p)
      for (let i = 0; i < count; i++) out[i] /= total
    },
  }
}

test('the same seed gives the same bytes', () => {
  for (const { name, slots } of each) {
    const slate = () => {
      const chance = createRandom(5)
      return sampleSlate(createExplorer(settings[name]).open(scorer, chance, learned), chance, count, slots)
    }
    assert.deepEqual(slate(), slate())
  }
})

test('every slot is a distribution over what is left, nothing shown has propensity 0, nothing is shown twice', () => {
  const scores = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      fc.constantFrom(...explorerNames),
      scores,
      fc.integer({ min: 1, max: 14 }),
      fc.constantFrom(0, 0.01, 1),
      fc.constantFrom(undefined, { decisions: 0, rewardScale: 1 }, { decisions: 1e7, rewardScale: 1e-4 }),
      (name, means, slots, epsilon, contained) => {
        const own = settings[name]
        const config = 'epsilon' in own ? { ...own, epsilon } : own
        const drawn: Scorer = {
          mean: Float64Array.from(means),
          deviation: new Float64Array(means.length).fill(0.5),
          members: [Float64Array.from(means), Float64Array.from(means).reverse()],
        }
        const chance = createRandom(seedOf(means.join()))
        const exploration = createExplorer(config).open(drawn, chance, contained)
        const slate = sampleSlate(exploration, chance, means.length, slots)
        const items = slate.draws.map(draw => draw.candidate)
        assert.equal(items.length, Math.min(slots, means.length))
        assert.equal(new Set(items).size, items.length)
        assert.ok(slate.draws.every(draw => draw.conditional > 0 && draw.conditional <= 1 + 1e-12))
        assert.ok(Math.abs(sum([...slate.firstSlot], p => p) - 1) < 1e-9)
        const available = new Uint8Array(means.length).fill(1)
        const out = new Float64Array(means.length)
        for (const { candidate, conditional } of slate.draws) {
          exploration.conditional(available, out)
          assert.ok(Math.abs(sum([...out], p => p) - 1) < 1e-9)
          assert.ok(out.every((p, i) => p >= 0 && (available[i] === 1 || p === 0)))
          assert.equal(conditional, out[candidate])
          available[candidate] = 0
        }
      },
    ),
    { numRuns: 400 },
  )
})

test('who keeps a floor is exact, who has none is deterministic', () => {
  const kinds = (epsilon: number) =>
    explorerNames.filter(name => {
      const own = settings[name]
      const config =
        name === 'epsilon-greedy' ? { ...own, start: 0, epsilon } : 'epsilon' in own ? { ...own, epsilon } : own
      return createExplorer(config as ExplorerConfig).propensityKind(learned) === 'deterministic'
    })
  assert.deepEqual(kinds(0.1), ['greedy'])
  assert.deepEqual(kinds(0), ['epsilon-greedy', 'greedy', 'linucb', 'regcb-elimination', 'regcb-optimistic'])
})

describe('the configuration', () => {
  const parse = (policy: unknown) => parseConfig({ policies: [policy] } as ConfigInput)
  test('refuses an explorer that the learner’s scores are not enough for', () => {
    for (const name of explorerNames) {
      const check = () => parse({ algorithm: 'two-tower', explorer: { name } })
      if (explorerNeeds[name] === 'scores') assert.doesNotThrow(check)
      else assert.throws(check, new RegExp(`explorer ${name} needs`))
      const linear = () => parse({ algorithm: 'linear-gaussian', explorer: { name } })
      if (explorerNeeds[name] === 'members') assert.throws(linear, /needs several models/)
      else assert.doesNotThrow(linear)
    }
  })
  test('is thompson’s without a name, refuses another’s parameters, and says which names there are', () => {
    assert.equal(parse({ explorer: { alpha: 2 } }).policies[0].explorer.name, 'thompson')
    assert.throws(() => parse({ explorer: { name: 'squarecb', alpha: 2 } }), /explorer: Unrecognized key: "alpha"/)
    assert.throws(() => parse({ explorer: { name: 'best' } }), /none of thompson, softmax/)
  })
})
