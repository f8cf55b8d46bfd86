import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Recommendation, Request } from '../../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../../src/config.ts'
import { type CatalogueItem, createFeatureStore, vectorToBytes } from '../../../src/features/store.ts'
import type { Policy } from '../../../src/models/policy.ts'
import { createLimits } from '../../../src/ranker/constraints/limits.ts'
import { quotasOf } from '../../../src/ranker/constraints/quotas.ts'
import { createDecide, type Decision } from '../../../src/ranker/decide.ts'
import { createExplorer } from '../../../src/ranker/explorers/named.ts'
import { conditionalOf } from '../../../src/ranker/slate.ts'
import { createRandom } from '../../../src/state/random.ts'
import { applyEvent, newUser, type UserState } from '../../../src/state/user.ts'
import { event, nowMs, request, serve, shown, view, weighted } from '../fixtures.ts'

type ConstraintsInput = NonNullable<NonNullable<ConfigInput['policies']>[number]['constraints']>

/** Shoes i0 … i3, hats i4 … i7; even ones of brand a, odd ones of b; i8 has no attributes. Prices rise. */
const attributes = (i: number): Record<string, string | number> =>
  i === 8 ? {} : { category: i < 4 ? 'shoes' : 'hats', brand: i % 2 ? 'b' : 'a', price: i }

function store(unavailable: readonly string[] = []) {
  const features = createFeatureStore()
  for (let i = 0; i < 9; i++)
    features.put({
      feature_key: `i${i}@${i + 1}`,
      item_id: `i${i}`,
      feature_version: i + 1,
      encoder_version: 'test-1',
      vector: vectorToBytes(Float32Array.of(Math.cos(i), Math.sin(i))),
      attributes: attributes(i),
      available: !unavailable.includes(`i${i}`),
      time_ms: nowMs,
    })
  return features
}

interface Given {
  readonly constraints?: ConstraintsInput
  readonly asked?: Partial<Request>
  readonly user?: UserState
  readonly unavailable?: readonly string[]
  readonly explorer?: object
  readonly policy?: Policy
}

/** Of whom something is known, so that no decision's reason is that nothing is. */
const somebody: UserState = { ...newUser, counts: { impression: 1 } }

function decideOn({ constraints = {}, asked, user = somebody, unavailable, explorer, policy }: Given): Decision {
  const config = parseConfig({
    features: { dimensions: 2 },
    policies: [{ constraints, explorer: { name: 'softmax', ...explorer } }],
  } as ConfigInput)
  const world = view({ features: store(unavailable), ...(policy && { serving: serve(policy) }) })
  return createDecide(config)(request({ slots: 3, ...asked }), user, nowMs, world)
}

/** Forty requests: what holds of one slate by chance does not of all. */
const decideMany = ({ asked, ...given }: Given): readonly Recommendation[] =>
  Array.from({ length: 40 }, (_, i) => {
    const { recommendation } = decideOn({ ...given, asked: { ...asked, request_id: `r${i}` } })
    return recommendation
  })

const category = (item: string) => attributes(Number(item.slice(1))).category
const has = (decision: Recommendation, of: string): number =>
  shown(decision).filter(item => category(item) === of).length

interface Case {
  readonly given: Given
  readonly holds: (decision: Recommendation) => boolean
  readonly reason?: string
}

const seenUser = [
  event({ event_id: 'e1', item_id: 'i0', type: 'purchase', time_ms: nowMs - 1000 }),
  event({ event_id: 'e2', item_id: 'i1', type: 'purchase', time_ms: nowMs - 9000 }),
  event({ event_id: 'e3', item_id: 'i2', type: 'view', time_ms: nowMs - 1000 }),
].reduce((user, each) => applyEvent(user, each, parseConfig({}).state), newUser)

const cases: Record<string, Case> = {
  'banned items are not shown': {
    given: { constraints: { banned: ['i0', 'i1', 'i2', 'i3', 'i4', 'x'] } },
    holds: decision => !shown(decision).some(item => item < 'i5') && decision.constraints.masked.join() === '0,1,2,3,4',
  },
  'nor what the request excludes': {
    given: { asked: { excluded: ['i8', 'i7', 'i6', 'i5', 'i4'] } },
    holds: decision => has(decision, 'shoes') === 3,
  },
  'nor what was seen': {
    given: { user: seenUser, constraints: { excludeSeen: {} }, asked: { slots: 9 } },
    holds: decision => !shown(decision).some(item => ['i0', 'i1', 'i2'].includes(item)) && decision.slots.length === 6,
    reason: 'short_slate',
  },
  'seen by type and age only': {
    given: {
      user: seenUser,
      constraints: { excludeSeen: { types: ['purchase'], withinMs: 5000 } },
      asked: { slots: 8 },
    },
    holds: decision =>
      !shown(decision).includes('i0') && shown(decision).includes('i1') && shown(decision).includes('i2'),
  },
  'pins stand where they were put': {
    given: {
      constraints: { pinned: [{ position: 2, item: 'i8' }] },
      asked: { pinned: [{ position: 0, item_id: 'i5' }] },
    },
    holds: decision =>
      shown(decision)[0] === 'i5' &&
      shown(decision)[2] === 'i8' &&
      decision.slots.map(slot => slot.pinned).join() === 'true,false,true' &&
      decision.slots[0].conditional_propensity === 1 &&
      decision.slots[0].first_draw_propensity === 0 &&
      decision.slots[1].first_draw_propensity === decision.first_slot_probabilities[decision.slots[1].candidate] &&
      decision.chosen_by === 'policy' &&
      decision.propensity_kind === 'exact',
  },
  'the request’s pin comes before the policy’s': {
    given: {
      constraints: { pinned: [{ position: 0, item: 'i1' }] },
      asked: { pinned: [{ position: 0, item_id: 'i5' }] },
    },
    holds: decision => shown(decision)[0] === 'i5',
  },
  'a pin that is no candidate becomes one': {
    given: { asked: { candidates: ['i0', 'i1', 'i2'], pinned: [{ position: 1, item_id: 'i7' }] } },
    holds: decision =>
      shown(decision)[1] === 'i7' &&
      decision.candidates[3].source === 'pinned' &&
      decision.candidates[3].feature_version === 8 &&
      decision.first_slot_probabilities[3] === 0,
  },
  'a pin that must not be shown is dropped, and the others stay': {
    given: {
      constraints: { banned: ['i5'] },
      asked: {
        pinned: [
          { position: 0, item_id: 'i5' },
          { position: 1, item_id: 'i6' },
        ],
      },
    },
    holds: decision => !shown(decision).includes('i5') && shown(decision)[1] === 'i6',
    reason: 'pin_dropped',
  },
  'a pin that is not to be had is dropped': {
    given: { unavailable: ['i5'], asked: { pinned: [{ position: 0, item_id: 'i5' }] } },
    holds: decision => !shown(decision).includes('i5'),
    reason: 'pin_dropped',
  },
  'a pin beyond the slate is not for it': {
    given: { constraints: { pinned: [{ position: 3, item: 'i5' }] } },
    holds: decision => decision.slots.every(slot => !slot.pinned),
  },
  'a pin whose place is not reached moves up': {
    given: { asked: { candidates: ['i0'], pinned: [{ position: 2, item_id: 'i5' }] } },
    holds: decision => shown(decision).join() === 'i0,i5',
    reason: 'short_slate',
  },
  'a pin is shown where nothing was found beside it': {
    given: { asked: { slots: 2, candidates: ['x'], pinned: [{ position: 1, item_id: 'i5' }] } },
    holds: decision => shown(decision).join() === 'i5' && decision.chosen_by === 'pinned',
    reason: 'short_slate',
  },
  'a slate of pins alone is the rules’': {
    given: { asked: { slots: 1, pinned: [{ position: 0, item_id: 'i5' }] } },
    holds: ({ chosen_by, propensity_kind, first_slot_probabilities: first }) =>
      chosen_by === 'pinned' && propensity_kind === 'deterministic' && first.length === 0,
  },
  'a floor': {
    given: { constraints: { quotas: [{ attribute: 'category', value: 'hats', floor: 2 }] } },
    holds: decision =>
      has(decision, 'hats') >= 2 && decision.constraints.counters['category:"hats"'] === has(decision, 'hats'),
  },
  'a cap': {
    given: { constraints: { quotas: [{ attribute: 'category', value: 'hats', cap: 1 }] } },
    holds: decision => has(decision, 'hats') <= 1,
  },
  'a cap of every value': {
    given: { constraints: { quotas: [{ attribute: 'brand', cap: 1 }] } },
    holds: ({ constraints: { counters } }) => counters['brand:"a"'] === 1 && counters['brand:"b"'] === 1,
  },
  'a cap rather leaves a slot empty': {
    given: { constraints: { quotas: [{ attribute: 'brand', cap: 1 }] }, asked: { slots: 4 } },
    holds: decision => decision.slots.length === 3 && shown(decision).includes('i8'),
    reason: 'short_slate',
  },
  'floors that cannot be met give way, the last first': {
    given: {
      constraints: {
        quotas: [
          { attribute: 'category', value: 'hats', floor: 2 },
          { attribute: 'category', value: 'shoes', floor: 2 },
        ],
      },
    },
    holds: decision => has(decision, 'hats') === 2 && decision.constraints.quotas.map(q => q.floor).join() === '2,1',
    reason: 'floor_lowered',
  },
  'a pin counts, ahead of its place': {
    given: {
      constraints: {
        quotas: [{ attribute: 'category', value: 'hats', cap: 1 }],
        pinned: [{ position: 2, item: 'i4' }],
      },
    },
    holds: decision => has(decision, 'hats') === 1,
  },
  'nothing that may be shown': {
    given: { asked: { candidates: ['i0', 'i1'], excluded: ['i0', 'i1'] } },
    holds: decision => decision.slots.length === 0 && decision.propensity_kind === 'unknown',
    reason: 'nothing_allowed',
  },
}

for (const [name, { given, holds, reason = '' }] of Object.entries(cases))
  test(name, () => {
    for (const decision of decideMany(given)) {
      assert.ok(holds(decision), JSON.stringify([decision.slots, decision.constraints]))
      assert.equal(decision.reason, reason)
    }
  })

const everything: ConstraintsInput = {
  banned: ['i8'],
  pinned: [{ position: 1, item: 'i7' }],
  excludeSeen: { types: ['view'] },
  quotas: [
    { attribute: 'category', value: 'hats', floor: 2 },
    { attribute: 'brand', cap: 2 },
  ],
  boosts: [
    { when: 'item.price > 2.0', shift: 1 },
    { when: 'context.rain && item.category == "hats"', shift: 0.5 },
  ],
  diversity: { kind: 'dpp' },
}
const policy = weighted([0.5, 0.2])

test('whoever has the record has every conditional, to the last bit', () => {
  for (const name of ['softmax', 'thompson', 'epsilon-greedy'] as const) {
    const given: Given = {
      constraints: everything,
      user: seenUser,
      asked: { slots: 4, context: { rain: true } },
      policy,
    }
    for (const decision of decideMany({ ...given, explorer: { name, epsilon: 0.1 } })) {
      const { slots, candidates, constraints, seed } = decision
      const pins = slots.filter(slot => slot.pinned).map(({ position, candidate }) => ({ position, candidate }))
      const itemIds = candidates.map(({ item_id }) => item_id)
      const vectors = candidates.map(({ item_id, feature_version }) => store().vector(item_id, feature_version)!)
      const limits = createLimits(constraints, pins, 4, vectors)
      const explorer = createExplorer(
        parseConfig({ policies: [{ explorer: { name, epsilon: 0.1 } }] } as ConfigInput).policies[0].explorer,
      )
      const exploration = explorer.open(policy.scorer(new Float64Array(), { itemIds, vectors }), createRandom(seed))
      const out = new Float64Array(candidates.length)
      for (const slot of slots) {
        if (!slot.pinned) {
          assert.ok(limits.open())
          conditionalOf(exploration, limits, out)
          assert.ok(Math.abs(out.reduce((sum, p) => sum + p, 0) - 1) < 1e-9)
          assert.equal(slot.conditional_propensity, out[slot.candidate])
          assert.ok(slot.conditional_propensity > 0)
        }
        limits.show(slot.candidate)
      }
      assert.deepEqual(constraints.masked, [2, 7, 8])
      assert.deepEqual(
        constraints.shifts.map(({ by, candidates: moved }) => [by, moved.join()]),
        [
          [1, '3,4,5,6,7'],
          [0.5, '4,5,6,7'],
        ],
      )
    }
  }
})

test('a pin is included for sure, found or not; the others as they were found', () => {
  const config = parseConfig({ limits: { maxCandidates: 4 }, features: { dimensions: 2 } })
  const sources = new Set<string>()
  for (let i = 0; i < 40; i++) {
    const asked = request({ request_id: `r${i}`, pinned: [{ position: 0, item_id: 'i7' }] })
    const { candidates } = createDecide(config)(asked, somebody, nowMs, view({ features: store() })).recommendation
    for (const { item_id, source, inclusion_probability: p } of candidates) {
      assert.equal(p, item_id === 'i7' ? 1 : 4 / 9)
      if (item_id === 'i7') sources.add(source)
    }
  }
  assert.equal(sources.size, 2)
})

test('groups of values that look alike have names of their own', () => {
  const items = [true, 'true', 1, '1'].map(size => ({ attributes: { size } }) as unknown as CatalogueItem)
  const names = quotasOf([{ attribute: 'size', floor: 0, cap: 0 }], items, 3).map(({ name }) => name)
  assert.deepEqual(names, ['size:true', 'size:"true"', 'size:1', 'size:"1"'])
})

test('the same request, state and model give the same bytes under constraints', () => {
  const bytes = () =>
    JSON.stringify(decideMany({ constraints: everything, user: seenUser, asked: { slots: 4 }, policy }))
  assert.equal(bytes(), bytes())
})

test('what is banned is gone through once, not at each decision', () => {
  const config = parseConfig({ policies: [{}] })
  let times = 0
  const banned = Object.assign(['i1'], {
    *[Symbol.iterator]() {
      times++
      yield 'i1'
    },
  })
  const policies = config.policies.map(policy => ({ ...policy, constraints: { ...policy.constraints, banned } }))
  const decide = createDecide({ ...config, policies })
  const made = times
  const asked = request({ candidates: ['i0', 'i1'], baseline: ['i1', 'i0'], slots: 2 })
  for (const passProbability of [1, 1e-12])
    assert.deepEqual(shown(decide(asked, somebody, nowMs, view(), passProbability).recommendation), ['i0'])
  assert.equal(times, made)
})

test('a boost multiplies odds; what an explorer gives no chance no boost gives one', () => {
  const boosted = { boosts: [{ when: 'item.id == "i1"', shift: Math.log(3) }] }
  const first = (constraints: ConstraintsInput, explorer: object) =>
    decideOn({ constraints, explorer, policy, asked: { candidates: ['i0', 'i1'], slots: 1 } }).recommendation
      .first_slot_probabilities
  const [a, b] = first({}, { epsilon: 0.2 })
  const [c, d] = first(boosted, { epsilon: 0.2 })
  assert.ok(Math.abs(d / c - (3 * b) / a) < 1e-12)
  assert.deepEqual(first(boosted, { name: 'greedy' }), [1, 0])
})

test('a condition that cannot be evaluated boosts nothing and is counted', () => {
  const { recommendation, failed } = decideOn({
    constraints: { boosts: [{ when: 'item.price > context.limit', shift: 1 }] },
  })
  assert.deepEqual(recommendation.constraints.shifts, [])
  assert.deepEqual([...failed], [['item.price > context.limit', 9]])
})

describe('the configuration refuses', () => {
  const wrong: Record<string, [ConstraintsInput, RegExp]> = {
    'a floor above its cap': [
      { quotas: [{ attribute: 'a', value: 1, floor: 2, cap: 1 }] },
      /the floor is above the cap/,
    ],
    'a floor of every value': [{ quotas: [{ attribute: 'a', floor: 2 }] }, /a floor needs a value/],
    'a quota of nothing': [{ quotas: [{ attribute: 'a', value: 1 }] }, /neither floor nor cap/],
    'two quotas of a group': [
      {
        quotas: [
          { attribute: 'a', cap: 1 },
          { attribute: 'a', cap: 2 },
        ],
      },
      /two quotas/,
    ],
    'two pins at a place': [
      {
        pinned: [
          { position: 0, item: 'a' },
          { position: 0, item: 'b' },
        ],
      },
      /two items at one position/,
    ],
    'an item at two places': [
      {
        pinned: [
          { position: 0, item: 'a' },
          { position: 1, item: 'a' },
        ],
      },
      /an item at two positions/,
    ],
    'a boost that is no condition': [{ boosts: [{ when: 'item.price +', shift: 1 }] }, /condition/],
    'seen types that no history holds': [{ excludeSeen: { types: ['impression'] } }, /not in state.typeWeights/],
  }
  for (const [name, [constraints, why]] of Object.entries(wrong))
    test(name, () => assert.throws(() => parseConfig({ policies: [{ constraints }] } as ConfigInput), why))
})
