/** Slates under constraints come as often as logged: drawn by the ranker's sampler, expected the long way. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Learned, Scorer } from '../../../src/models/policy.ts'
import { createLimits } from '../../../src/ranker/constraints/limits.ts'
import type { Exploration } from '../../../src/ranker/explorers/explorer.ts'
import { createExplorer } from '../../../src/ranker/explorers/named.ts'
import { type ExplorerName, explorerNames } from '../../../src/ranker/explorers/schema.ts'
import { sampleSlate } from '../../../src/ranker/slate.ts'
import { createRandom, type Random, seedOf } from '../../../src/state/random.ts'
import { settings } from '../explorer-settings.ts'
import { chiSquareBound, chiSquareZ, sum } from '../statistics.ts'
import { constrained, possibleSlates, type Slate } from './long-way.ts'

const draws = 200_000
/** `npm run test:long` */
const isLong = process.env.FEEDLOOP_RUNS !== undefined
/** Besides a pinned one. The joint counts of three contain those of the first two. */
const drawnSlots = isLong ? [1, 2, 3] : [3]
const mean = Float64Array.of(0.3, 0.1, 0.5, 0.45, -0.2, 0.2, 0.4)
const count = mean.length
const seeded = createRandom(7)
const members = Array.from({ length: 6 }, () => mean.map(value => value + 0.2 * seeded.normal()))
const scorer: Scorer = { mean, deviation: Float64Array.of(0.3, 0.5, 0.1, 0.2, 0.4, 0.2, 0.3), members }
const learned: Learned = { decisions: 99, rewardScale: 0.5 }
const open = (name: ExplorerName, seed = 42) => createExplorer(settings[name]).open(scorer, createRandom(seed), learned)
const vectors = Array.from({ length: count }, () => Float32Array.from({ length: 4 }, () => seeded.normal()))

const floors = [
  { name: 'kind:a', floor: 1, cap: 2, candidates: [0, 1, 4] },
  { name: 'size:s', floor: 1, cap: 3, candidates: [3, 4, 5] },
]
const cases: Record<string, Omit<Slate, 'slots' | 'vectors'>> = {
  masked: { constraints: constrained({ masked: [2, 6] }), pins: [] },
  'a pin in the second place': { constraints: constrained({ masked: [4] }), pins: [{ position: 1, candidate: 4 }] },
  'floors of groups that overlap': { constraints: constrained({ quotas: floors }), pins: [] },
  'a cap': { constraints: constrained({ quotas: [{ name: 'k', floor: 0, cap: 1, candidates: [2, 3, 6] }] }), pins: [] },
  boosts: {
    constraints: constrained({
      shifts: [
        { by: 1, candidates: [1, 4] },
        { by: -0.5, candidates: [4, 6] },
      ],
    }),
    pins: [],
  },
  'marginal relevance': { constraints: constrained({ diversity: { kind: 'mmr', strength: 2 } }), pins: [] },
  determinantal: { constraints: constrained({ diversity: { kind: 'dpp', strength: 1 } }), pins: [] },
}
const together: Omit<Slate, 'slots' | 'vectors'> = {
  constraints: constrained({
    masked: [5, 6],
    quotas: floors,
    shifts: [{ by: 0.7, candidates: [1, 3] }],
    diversity: { kind: 'dpp', strength: 0.5 },
  }),
  pins: [{ position: 0, candidate: 5 }],
}

const sample = (slate: Slate, exploration: Exploration, chance: Random) =>
  sampleSlate(
    exploration,
    chance,
    count,
    slate.slots,
    createLimits(slate.constraints, slate.pins, slate.slots, slate.vectors),
  )

/** How often each slate came. */
function drawMany(slate: Slate, exploration: Exploration): ReadonlyMap<string, number> {
  const chance = createRandom(seedOf(`slates of ${slate.slots}`))
  const seen = new Map<string, number>()
  for (let i = 0; i < draws; i++) {
    const drawn = sample(slate, exploration, chance).draws
    const key = drawn.map(({ candidate }) => candidate).join()
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  return seen
}

/** How unlikely it is that they come from what is logged. */
function disagreement(seen: ReadonlyMap<string, number>, logged: Slate, exploration: Exploration): number {
  const possible = possibleSlates(logged, exploration)
  assert.ok(Math.abs(sum(possible, slate => slate.probability) - 1) < 1e-9)
  const cells = possible.map(({ items, probability }) => ({
    observed: seen.get(items.join()) ?? 0,
    expected: draws * probability,
  }))
  return sum(cells, cell => cell.observed) < draws ? Number.POSITIVE_INFINITY : chiSquareZ(cells)
}

const agrees = (slate: Slate, exploration: Exploration): void => {
  const z = disagreement(drawMany(slate, exploration), slate, exploration)
  assert.ok(z < chiSquareBound, `z = ${z}`)
}

/** What stands in `together` too is tried alone by `npm run test:long`. */
const alone = Object.entries(cases).filter(([name]) => isLong || name === 'marginal relevance')

for (const [name, rules] of alone)
  test(`${name}: slates come as often as the long way says`, () =>
    agrees({ ...rules, slots: 3, vectors }, open('softmax')))

for (const name of explorerNames)
  for (const slots of drawnSlots)
    test(`${name}, ${slots} slots drawn under all constraints at once`, () =>
      agrees({ ...together, slots: slots + 1, vectors }, open(name)))

describe('the same counts refuse constraints that are a little wrong', () => {
  const other = (over: Partial<Slate['constraints']>, pins = together.pins): Slate => ({
    constraints: { ...together.constraints, ...over },
    pins,
    slots: 4,
    vectors,
  })
  const wrong: Record<string, Slate> = {
    'a boost logged as 0.75': other({ shifts: [{ by: 0.75, candidates: [1, 3] }] }),
    'diversity logged half as strong': other({ diversity: { kind: 'dpp', strength: 0.25 } }),
    'diversity of the other kind': other({ diversity: { kind: 'mmr', strength: 0.5 } }),
    'a floor that was not there': other({ quotas: [floors[0], { ...floors[1], floor: 2 }] }),
    'a cap that was not there': other({ quotas: [{ ...floors[0], cap: 1 }, floors[1]] }),
    'a pin elsewhere': other({}, [{ position: 1, candidate: 5 }]),
  }
  const seen = drawMany(other({}), open('softmax'))
  for (const [name, logged] of Object.entries(wrong))
    test(name, () => assert.ok(disagreement(seen, logged, open('softmax')) > chiSquareBound))
})

for (const name of explorerNames)
  test(`${name}: with a new model of chance each time, hits minus propensities is a martingale under constraints`, () => {
    const slate: Slate = { ...together, slots: 4, vectors }
    const gap = new Float64Array(count)
    const variance = new Float64Array(count)
    for (let i = 0; i < 4000; i++) {
      const chance = createRandom(seedOf(`request-${i}`))
      const { draws: drawn, firstSlot } = sample(
        slate,
        createExplorer(settings[name]).open(scorer, chance, learned),
        chance,
      )
      const first = drawn.find(({ pinned }) => !pinned)!
      for (let a = 0; a < count; a++) {
        gap[a] += Number(first.candidate === a) - firstSlot[a]
        variance[a] += firstSlot[a] * (1 - firstSlot[a])
      }
    }
    gap.forEach((total, a) => {
      assert.ok(Math.abs(total) <= 4.5 * Math.sqrt(variance[a]) + 1e-9, `candidate ${a}: ${total} vs ${variance[a]}`)
    })
  })
