/** Probabilities worked out by hand from the papers' formulas. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ExplorerConfig } from '../../src/config.ts'
import type { Learned, Scorer } from '../../src/models/policy.ts'
import { createExplorer } from '../../src/ranker/explorers/named.ts'
import { castVote, votesOf } from '../../src/ranker/explorers/votes.ts'
import { createRandom } from '../../src/state/random.ts'
import { settings } from './explorer-settings.ts'

interface Case {
  readonly config: ExplorerConfig
  readonly mean: readonly number[]
  readonly deviation?: readonly number[]
  readonly members?: readonly (readonly number[])[]
  readonly learned?: Learned
  /** 0 where a candidate was shown already. */
  readonly available?: readonly number[]
  readonly expected: readonly number[]
  readonly logged?: Readonly<Record<string, number>>
}

const floats = (values: readonly number[]) => Float64Array.from(values)
const at = (decisions: number, rewardScale = 1): Learned => ({ decisions, rewardScale })
const round = (value: number): number => Math.round(value * 1e9) / 1e9

const squarecb = { ...settings.squarecb, gamma: 10, exponent: 0.5 }
const elimination = { ...settings['regcb-elimination'], epsilon: 0, width: 1 }
const optimistic = { ...settings['regcb-optimistic'], epsilon: 0, width: 1 }
/** K (n + 1) = e⁴: a range of two deviations to either side with width 1. */
const twoDeviations = (candidates: number): Learned => at(Math.E ** 4 / candidates - 1)
const greedy = settings['epsilon-greedy']

const cases: Record<string, Case> = {
  'squarecb: 1 / (K + γ gap), the best has the rest': {
    config: squarecb,
    mean: [0.5, 0.3, 0.9],
    learned: at(3),
    // γ = 10 √4 = 20: 1 / (3 + 20·0.4), 1 / (3 + 20·0.6)
    expected: [1 / 11, 1 / 15, 1 - 1 / 11 - 1 / 15],
    logged: { gamma: 20 },
  },
  'squarecb: K is what is left': {
    config: squarecb,
    mean: [0.5, 0.3, 0.9],
    learned: at(3),
    available: [1, 1, 0],
    expected: [5 / 6, 1 / 6, 0],
  },
  'squarecb: gaps in the unit of the rewards': {
    config: squarecb,
    mean: [5, 3, 9],
    learned: at(3, 10),
    expected: [1 / 11, 1 / 15, 1 - 1 / 11 - 1 / 15],
    logged: { gamma: 2 },
  },
  'squarecb: a declared span comes before what was seen': {
    config: { ...squarecb, rewardSpan: 10 },
    mean: [5, 3, 9],
    learned: at(3, 77),
    expected: [1 / 11, 1 / 15, 1 - 1 / 11 - 1 / 15],
  },
  'squarecb: no γ, uniform': {
    config: { ...squarecb, gamma: 1e-12 },
    mean: [0, 1],
    learned: at(0),
    expected: [0.5, 0.5],
  },
  'linucb: the bound chooses, not the mean': {
    config: { name: 'linucb', alpha: 2, epsilon: 0.3 },
    mean: [0.5, 0.4, 0],
    deviation: [0.1, 0.2, 0.3],
    // bounds .7, .8, .6
    expected: [0.1, 0.8, 0.1],
  },
  'linucb: then the best bound of what is left': {
    config: { name: 'linucb', alpha: 2, epsilon: 0.3 },
    mean: [0.5, 0.4, 0],
    deviation: [0.1, 0.2, 0.3],
    available: [1, 0, 1],
    expected: [0.85, 0, 0.15],
  },
  'regcb elimination: whose upper bound reaches the greatest lower bound': {
    config: elimination,
    mean: [0.5, 0.4, 0, 0.1],
    deviation: [0.05, 0.1, 0.1, 0.2],
    learned: twoDeviations(4),
    // [.4, .6], [.2, .6], [-.2, .2], [-.3, .5]: the mark is .4
    expected: [1 / 3, 1 / 3, 0, 1 / 3],
  },
  'regcb elimination: one is left, and the floor is under the others': {
    config: { ...elimination, epsilon: 0.2 },
    mean: [1, 0, 0, 0],
    deviation: [0.1, 0.1, 0.1, 0.1],
    learned: twoDeviations(4),
    expected: [0.85, 0.05, 0.05, 0.05],
  },
  'regcb elimination: the mark is of what is left': {
    config: elimination,
    mean: [1, 0.2, 0, -1],
    deviation: [0.1, 0.1, 0.1, 0.1],
    learned: twoDeviations(4),
    available: [0, 1, 1, 1],
    // [0, .4], [-.2, .2], [-1.2, -.8]: the mark is 0
    expected: [0, 0.5, 0.5, 0],
  },
  'regcb optimistic: the greatest upper bound': {
    config: optimistic,
    mean: [0.5, 0.4, 0, 0.1],
    deviation: [0.05, 0.11, 0.1, 0.2],
    learned: twoDeviations(4),
    // .6, .62, .2, .5
    expected: [0, 1, 0, 0],
  },
  'epsilon-greedy: ε decays with what was learned': {
    config: { ...greedy, epsilon: 0.01, start: 1, exponent: 0.5 },
    mean: [0, 1],
    learned: at(24),
    expected: [0.1, 0.9],
    logged: { epsilon: 0.2 },
  },
  'epsilon-greedy: down to the floor': {
    config: { ...greedy, epsilon: 0.01, start: 1, exponent: 0.5 },
    mean: [0, 1],
    learned: at(1e6),
    expected: [0.005, 0.995],
    logged: { epsilon: 0.01 },
  },
  'epsilon-greedy: a model that does not say what it contains has the floor': {
    config: { ...greedy, epsilon: 0.02, start: 1, exponent: 0.5 },
    mean: [0, 1],
    expected: [0.01, 0.99],
    logged: { epsilon: 0.02 },
  },
  'softmax of logits: Plackett-Luce at the temperature as it is': {
    config: { name: 'softmax', temperature: 0.5, exponent: 0.5, epsilon: 0 },
    mean: [1000, 1000 + Math.log(3)],
    expected: [0.1, 0.9],
  },
  'softmax of rewards: colder with what was learned, in the unit of the rewards': {
    config: { name: 'softmax', temperature: 2, exponent: 0.5, epsilon: 0 },
    mean: [0, 10 * Math.log(3)],
    learned: at(3, 10),
    expected: [0.25, 0.75],
    logged: { temperature: 10, epsilon: 0 },
  },
  'cover: each policy covers what those before it leave out': {
    config: { name: 'cover', policies: 4, psi: 1, epsilon: 0 },
    mean: [1, 0.2],
    learned: at(49),
    // μ = .1. Bonuses of the four in turn: 1 and 1; .111 and 1 (so 1.11 against 1.2); .2 and .2; .158 and .273
    expected: [0.75, 0.25],
    logged: { policies: 4, bonus: 1, decisions: 49, epsilon: 0 },
  },
  'cover: nobody further behind than the bonus': {
    config: { name: 'cover', policies: 4, psi: 0.05, epsilon: 0.2 },
    mean: [10, 2],
    learned: at(49, 10),
    expected: [0.9, 0.1],
  },
  'cover: in the unit of the rewards, among what is left': {
    config: { name: 'cover', policies: 4, psi: 1, epsilon: 0 },
    mean: [10, 99, 2],
    learned: at(49, 10),
    available: [1, 0, 1],
    expected: [0.75, 0, 0.25],
  },
  'bagging: shares of votes under a floor': {
    config: { name: 'bagging', epsilon: 0.3 },
    mean: [0, 0, 0],
    members: [
      [1, 0, 0],
      [0, 2, 1],
      [0, 3, 1],
      [0, 0, 1],
    ],
    expected: [0.275, 0.45, 0.275],
  },
  'bagging: a member parts its vote among equals': {
    config: { name: 'bagging', epsilon: 0 },
    mean: [0, 0, 0],
    members: [
      [0, 0, 0],
      [1, 0, 1],
    ],
    expected: [5 / 12, 1 / 6, 5 / 12],
  },
  'bagging: the same members vote on what is left': {
    config: { name: 'bagging', epsilon: 0.3 },
    mean: [0, 0, 0],
    members: [
      [1, 0, 0],
      [0, 2, 1],
      [0, 3, 1],
      [0, 0, 1],
    ],
    available: [1, 0, 1],
    expected: [0.325, 0, 0.675],
  },
}

describe('probabilities by hand', () => {
  for (const [name, { config, mean, deviation, members, learned, available, expected, logged }] of Object.entries(
    cases,
  ))
    test(name, () => {
      const explorer = createExplorer(config)
      const scorer: Scorer = {
        mean: floats(mean),
        deviation: deviation && floats(deviation),
        members: members?.map(floats),
      }
      const out = new Float64Array(mean.length)
      const left = Uint8Array.from(available ?? mean.map(() => 1))
      explorer.open(scorer, createRandom(1), learned).conditional(left, out)
      assert.deepEqual([...out].map(round), expected.map(round))
      if (logged)
        for (const [key, value] of Object.entries(logged)) assert.equal(round(explorer.parameters(learned)[key]), value)
    })
})

/** Four draws of three candidates. */
const rows = [
  [1, 0, 0],
  [0, 2, 1],
  [0, 3, 1],
  [0, 0, 1],
]
const voters = rows.map(row => (available: Uint8Array, out: Float64Array) => {
  castVote({ candidates: Int32Array.of(0, 1, 2), scores: floats(row), from: 0, to: 3 }, available, out)
})

test('votes: the first slot is the share of draws that each candidate wins, mixed with the floor', () => {
  const exploration = votesOf(voters, { epsilon: 0.3 })
  const out = new Float64Array(3)
  exploration.conditional(Uint8Array.of(1, 1, 1), out)
  assert.deepEqual([...out].map(round), [0.275, 0.45, 0.275])
  exploration.conditional(Uint8Array.of(1, 0, 1), out)
  assert.deepEqual([...out].map(round), [0.325, 0, 0.675], 'the same draws, best of what is left')
})

test('votes: sharpness is a power of the shares', () => {
  const out = new Float64Array(3)
  votesOf(voters, { epsilon: 0, sharpness: 2 }).conditional(Uint8Array.of(1, 1, 1), out)
  assert.deepEqual([...out].map(round), [1 / 6, 2 / 3, 1 / 6].map(round))
})

for (const alpha of [0.5, 2])
  test(`thompson: the better of two wins Φ(Δ / (α √(σ₁² + σ₂²))) of many draws, α ${alpha}`, () => {
    const scorer: Scorer = { mean: Float64Array.of(0, 0.5), deviation: Float64Array.of(0.3, 0.4) }
    const changes = { draws: 1024, epsilon: 0, sharpness: 1, alpha }
    const out = new Float64Array(2)
    const shareOf = (optimistic: boolean): number => {
      const explorer = createExplorer({ ...settings.thompson, ...changes, optimistic })
      let sum = 0
      for (let seed = 0; seed < 40; seed++) {
        explorer.open(scorer, createRandom(seed)).conditional(Uint8Array.of(1, 1), out)
        sum += out[1]
      }
      return sum / 40
    }
    const expected = alpha === 0.5 ? 0.9772498680518208 : 0.6914624612740131
    assert.ok(Math.abs(shareOf(false) - expected) < 4 * Math.sqrt((expected * (1 - expected)) / 40_960))
    assert.ok(shareOf(true) > expected + 0.005, 'draws below the mean count as the mean: the better loses less')
  })

test('votes: all of them are a probability of 1, not a hair above, however many there are', () => {
  const out = new Float64Array(2)
  const certain: Scorer = { mean: Float64Array.of(1, 0), deviation: Float64Array.of(0, 0) }
  for (let draws = 1; draws <= 1024; draws++) {
    const explorer = createExplorer({ ...settings.thompson, draws, epsilon: 0 })
    explorer.open(certain, createRandom(1)).conditional(Uint8Array.of(1, 1), out)
    assert.deepEqual([...out], [1, 0], `${draws} draws`)
  }
})
