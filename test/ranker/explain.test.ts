/** Explanations: contributions that add up, whatever the model; what was explored; what else there was. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ExplainedItem, Request } from '../../schemas/records.ts'
import { describeDecision } from '../../src/commands/explain.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import type { Joined } from '../../src/evaluation/joined.ts'
import { createLearner } from '../../src/learner/create.ts'
import { createExampleEncoder } from '../../src/learner/examples.ts'
import { loadPolicy } from '../../src/models/load.ts'
import type { Policy } from '../../src/models/policy.ts'
import { createDecide, type RankerView } from '../../src/ranker/decide.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { seedOf } from '../../src/state/random.ts'
import { newUser, type UserState } from '../../src/state/user.ts'
import type { Decision } from '../../src/transitions/decision.ts'
import { firstRevision, transitionOf } from '../../src/transitions/transition.ts'
import { publish } from '../learner/examples.ts'
import { catalogue, nowMs, profile, request, serve, view, weighted } from './fixtures.ts'

const features = catalogue(8)
const evidence = { version: '1', kl_mean: 0.25 }
const past = (itemId: string, ageMs: number) => ({
  eventHash: seedOf(itemId + ageMs),
  itemId,
  type: 'click',
  timeMs: nowMs - ageMs,
  value: 2,
})
const user: UserState = {
  ...newUser,
  history: [past('i1', 10), past('i2', 500), past('i1', 9000)],
  counts: { click: 3 },
  profile: profile(),
}
const context = { device: 'phone', member: true, hour: 7 }
const serving = (policy: Policy): RankerView =>
  view({ features, serving: (...who) => ({ ...serve(policy)(...who), evidence }) })
const sumOf = ({ contributions }: ExplainedItem) => Object.values(contributions).reduce((sum, value) => sum + value, 0)

const algorithms: Record<string, NonNullable<ConfigInput['policies']>[number]> = {
  'linear-gaussian': { algorithm: 'linear-gaussian' },
  'bagged-linear': { algorithm: 'bagged-linear' },
  'neural-linear': { algorithm: 'neural-linear' },
  'two-tower': { algorithm: 'two-tower', explorer: { name: 'softmax' } },
}
const blocks = ['history', 'values', 'profile', 'context'] as const
const worlds = Object.entries(algorithms).map(([name, policy]): [string, ConfigInput] => [
  name,
  { policies: [policy], features: { dimensions: 8 }, state: { blocks: [...blocks], halfLifeMs: 4000 } },
])
worlds.push([
  'linear-gaussian on numbers',
  {
    policies: [{ linearGaussian: { warmUpDecisions: 8 } }],
    features: { dimensions: 8 },
    state: { blocks: [...blocks, 'numbers'], numbers: ['hour'] },
  },
])

/** A version learned from a few hundred decisions, where people like what stands late in the catalogue. */
async function learnedOn(input: ConfigInput): Promise<Policy> {
  const config = parseConfig(input)
  const [policy] = config.policies
  const encoder = createStateEncoder(config)
  const learner = await createLearner(config, policy, encoder)
  const { usesCandidates } = learner
  const examples = createExampleEncoder({ encoder, dimensions: 8, usesCandidates, weightOf: () => 1 })
  const decide = createDecide(parseConfig({ ...input, policies: [{ explorer: { name: 'uniform' } }] }))
  for (let batch = 0; batch < 6; batch++)
    learner.learn(
      Array.from({ length: 50 }, (_, i) => {
        const asked = request({ request_id: `${batch}/${i}`, context: { ...context, hour: i % 24 } })
        const { recommendation: made } = decide(asked, i % 2 ? user : newUser, nowMs, view({ features }))
        const click = made.slots[0].candidate / 8 + (i % 3) / 10
        const revised = { ...firstRevision, delta: { click }, cumulative: { click } }
        const example = examples.encode(transitionOf(made as unknown as Decision, 0, revised) as never, features)
        assert.ok(typeof example !== 'string', String(example))
        return example
      }),
    )
  return loadPolicy(publish(learner, '1', true), policy)
}

for (const [name, input] of worlds)
  test(`${name}: contributions add up to the score, to 1e-9`, async () => {
    const decide = createDecide(parseConfig(input))
    const policy = await learnedOn(input)
    const { recommendation: made } = decide(request({ slots: 2, context, explain: true }), user, nowMs, serving(policy))
    const { items, evidence: told } = made.explanation!
    assert.equal(items.length, 7, 'two shown, five others')
    const encoded = createStateEncoder(parseConfig(input)).encode(made.state, features.vector)
    for (const item of items) {
      const vector = features.current(item.item_id)!.vector
      const [score] = policy.scorer(encoded, { itemIds: [item.item_id], vectors: [vector] }).mean
      assert.equal(item.score, score)
      assert.ok(Math.abs(sumOf(item) - score) < 1e-9, `${item.item_id}: ${sumOf(item)}, not ${score}`)
      for (const part of ['history:i1', 'history:i2', 'profile', 'context:device'])
        assert.ok(part in item.contributions, part)
    }
    assert.ok(
      items.some(({ contributions }) => Math.abs(contributions['history:i1']) > 1e-6),
      'history says something',
    )
    assert.deepEqual(told, evidence)
    const without = decide(request({ slots: 2, context }), user, nowMs, serving(policy)).recommendation
    assert.deepEqual({ ...made, explanation: null }, without, 'asking changes nothing')
  })

test('linear: a part contributes θᵀ of it, and the bias is told by where it comes from', async () => {
  const [, input] = worlds[0]
  const policy = await learnedOn(input)
  const decide = createDecide(parseConfig(input))
  const of = (who: UserState, words: Request['context']) => {
    const { recommendation } = decide(request({ context: words, explain: true }), who, nowMs, serving(policy))
    return new Map(recommendation.explanation!.items.map(item => [item.item_id, item.contributions]))
  }
  const whole = of(user, context)
  const alone = of(newUser, { device: 'phone' })
  for (const [itemId, contributions] of alone) {
    assert.deepEqual(Object.keys(contributions), ['bias:shared', 'bias:content', 'bias:item', 'context:device'])
    const known = whole.get(itemId)
    if (!known) continue
    for (const [part, value] of Object.entries(contributions)) assert.ok(Math.abs(known[part] - value) < 1e-12, part)
  }
})

/** Nothing came of it. */
const joined: Joined = { kind: 'open', transitions: [], isOpen: true, countsUntilMs: 0, correctsUntilMs: 0 }

describe('what is told', () => {
  const decide = (asked: Partial<Request>, policy = {}, given = serving(weighted([1, 2, 3, 4, 5, 6, 7, 8]))) =>
    createDecide(parseConfig({ policies: [{ explorer: { name: 'greedy' }, ...policy }] }))(
      request({ explain: true, ...asked }),
      user,
      nowMs,
      given,
    ).recommendation

  test('the best that is left is exploitation, anything else exploration; ranks go by score', () => {
    const { items } = decide({ slots: 3 }).explanation!
    assert.deepEqual(
      items.map(({ item_id, slot, rank, explored }) => [item_id, slot, rank, explored]),
      [7, 6, 5, 4, 3, 2, 1, 0].map((item, i) => [`i${item}`, i < 3 ? i : -1, i + 1, false]),
    )
    const seen = new Set<boolean>()
    for (let i = 0; i < 30; i++) {
      const made = decide({ request_id: `r${i}` }, { explorer: { name: 'uniform' } })
      const [first] = made.explanation!.items
      assert.equal(first.explored, made.slots[0].item_id !== 'i7')
      assert.equal(first.probability, 1 / 8)
      seen.add(first.explored)
    }
    assert.equal(seen.size, 2)
  })

  test('what is masked is no alternative and has no rank; a pinned slot is nobody’s exploration', () => {
    const constraints = { banned: ['i7'], pinned: [{ position: 1, item: 'i0' }] }
    const made = decide({ slots: 3 }, { constraints })
    assert.deepEqual(
      made.explanation!.items.map(({ item_id, slot, rank, explored }) => [item_id, slot, rank, explored]),
      [
        ['i6', 0, 1, false],
        ['i0', 1, 7, false],
        ['i5', 2, 2, false],
        ...[4, 3, 2, 1].map((item, i) => [`i${item}`, -1, i + 3, false]),
      ],
    )
    const lines = describeDecision({ decision: made, explanation: made.explanation, release: null, joined })
    for (const line of [/i6: .*, exploitation$/m, /i0: .*, pinned$/m, /i5: .*, exploitation$/m])
      assert.match(lines, line)
  })

  test("of an apprentice: the policy's scores of what the baseline showed, which was nobody's exploration", () => {
    const given = serving(weighted([1, 2, 3, 4, 5, 6, 7, 8]))
    const inApprentice = {
      ...given,
      serving: (...who: [string, string]) => ({ ...given.serving(...who), mode: 'apprentice' as const }),
    }
    const made = decide({ slots: 2, baseline: ['i0', 'i7'] }, {}, inApprentice)
    const [first, second, third] = made.explanation!.items
    assert.deepEqual([first.item_id, first.rank, first.explored], ['i0', 8, false])
    assert.deepEqual([second.item_id, second.probability, third.item_id], ['i7', 1, 'i6'])
    const lines = describeDecision({ decision: made, explanation: made.explanation, release: null, joined })
    assert.doesNotMatch(lines, /exploration|exploitation/)
  })

  test("of the initial policy: the caller's order", () => {
    const { items, evidence: told } = decide({ baseline: ['i3', 'i1'] }, { initial: 'greedy' }, view({ features }))
      .explanation!
    assert.deepEqual([items[0].item_id, items[0].contributions, told], ['i3', { order: items[0].score }, {}])
  })

  test('nothing where nothing is scored, or the scores are no numbers', () => {
    assert.equal(decide({ candidates: ['x'] }).explanation, null)
    assert.equal(decide({}, {}, serving(weighted([Number.NaN]))).explanation, null)
  })
})
