import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
import { audit } from '../../src/evaluation/audit.ts'
import { forgetEvent } from '../../src/events/forget.ts'
import { type TopicName, topicName } from '../../src/pipeline.ts'
import { at, decision, event, input, makeConfig, outcome, tick } from '../transitions/make.ts'
import { createStepped, createWorld, type World, writeWorld } from './world.ts'

/** One of everything that an honest log may hold. */
function honest(): World {
  const click = outcome('click', 'd0', 1)
  return createWorld(
    makeConfig({ gamma: 0.9 }),
    [
      decision('d0', 0),
      decision('d1', 2, { items: ['a', 'b'] }),
      decision('d2', 4, { deferred: true }),
      decision('d3', 5, { reason: 'expired', items: [] }),
      decision('d4', 6, { shed: true }),
      decision('d5', 7, { propensity: 2 }),
    ],
    [
      click,
      click,
      outcome('click', 'd0', 20),
      outcome('click', 'd1', 3, { item_id: 'b' }),
      outcome('click', 'd1', 3, { item_id: 'z' }),
      outcome('click', 'nowhere', 3),
      event('view', 3, { item_id: 'a' }),
      event('click', 3, { value: Number.MAX_VALUE, user_id: '' }),
    ],
  )
}

test('an honest log balances, and every fate is counted', async () => {
  const report = await audit(await writeWorld(honest()))
  assert.deepEqual(report.differences, [])
  assert.equal(report.balanced, true)
  assert.deepEqual(report.decisions, {
    total: 6,
    learnedWithReward: 2,
    learnedByDefault: 0,
    inactive: 1,
    expired: 1,
    shed: 1,
    quarantined: 1,
    forgotten: 0,
    unjudged: 0,
    open: 0,
  })
  assert.deepEqual(report.outcomes, {
    total: 8,
    joined: 2,
    correction: 1,
    duplicate: 1,
    orphan: 0,
    quarantined: 2,
    pending: 1,
    organic: 1,
    forgotten: 0,
    unjudged: 0,
  })
  assert.deepEqual(report.requests, { total: 6, decided: 6, duplicate: 0, refused: 0, pending: 0, unjudged: 0 })
})

test('an empty log balances', async () => {
  const report = await audit(await writeWorld(createWorld(makeConfig(), [], [])))
  assert.equal(report.balanced, true)
})

test('what the services have not come to is pending, not lost', async () => {
  const world = createWorld(makeConfig(), [decision('d0', 0)], [outcome('click', 'd0', 1)])
  world.requests.push({ ...world.requests[0], request_id: 'r1' }, { ...world.requests[0] })
  world.decisions.push(decision('d1', 2))
  world.requests.splice(1, 0, { ...world.requests[0], request_id: 'd1' })
  world.ranked = 2
  world.events.push(outcome('click', 'd1', 3))
  const report = await audit(await writeWorld(world))
  assert.deepEqual(report.differences, [])
  assert.deepEqual([report.requests.pending, report.requests.duplicate], [1, 1])
  assert.deepEqual([report.decisions.open, report.outcomes.pending], [1, 1])
})

test('an id that others ask for, too, is decided once, whatever bucket they fall into', async () => {
  const world = createWorld(makeConfig(), [decision('d0', 0)], [])
  const others = Array.from({ length: 20 }, (_, n) => ({ ...world.requests[0]!, user_id: `other-${n}` }))
  world.requests.push(...others)
  world.ranked = world.requests.length
  for (const bucketRecords of [100, 2]) {
    const report = await audit(await writeWorld(world), { bucketRecords })
    assert.deepEqual(report.differences, [])
    assert.deepEqual([report.requests.decided, report.requests.duplicate], [1, 20])
  }
})

test('a batch of a rival that lost is skipped, not counted', async () => {
  const world = honest()
  world.rival = [world.transitions[0]]
  const report = await audit(await writeWorld(world))
  assert.equal(report.balanced, true)
  assert.equal(report.transitions.skippedBatches, 1)
})

/** Each kind of damage, and the difference by which it must be found. */
const damages: readonly [name: string, what: string, id: string, damage: (world: World) => void][] = [
  ['a request without a decision', 'request_lost', 'r9', w => (w.requests[5] = { ...w.requests[5], request_id: 'r9' })],
  ['a decision taken twice', 'decided_twice', 'd0', w => w.decisions.push(decision('d0', 0))],
  ['a decision that was never joined', 'transition_missing', 'd0/0', w => drop(w, 'd0/0')],
  ['a slot that was forgotten', 'transition_missing', 'd1/1', w => drop(w, 'd1/1')],
  ['a slate that was forgotten', 'transition_missing', 'd1/-1', w => drop(w, 'd1/-1')],
  ['a transition of no decision', 'transition_unexpected', 'd9/0', w => rename(w, 'd9')],
  ['a transition of a decision that was never shown', 'transition_unexpected', 'd2/0', w => rename(w, 'd2')],
  ['a revision left out', 'revisions_not_in_order', 'd0/0', w => w.transitions.splice(find(w, 'd0/0'), 1)],
  [
    'a revision written twice',
    'revisions_not_in_order',
    'd0/0',
    w => w.transitions.push(w.transitions[find(w, 'd0/0')]),
  ],
  ['another reward', 'reward_differs', 'd0/0', w => alter(w, 'd0/0', { delta: { click: 5 } })],
  ['a reward in the wrong component', 'reward_differs', 'd0/0', w => alter(w, 'd0/0', { delta: { like: 1 } })],
  ['a cumulative that is not the sum', 'cumulative_differs', 'd1/1', w => alterLast(w, 'd1/1', { cumulative: {} })],
  ['another next decision', 'next_differs', 'd0/0', w => alterLast(w, 'd0/0', { next_decision_id: 'd4' })],
  ['another discount', 'discount_differs', 'd0/0', w => alterLast(w, 'd0/0', { discount: 0.5 })],
  ['an end that is none', 'end_differs', 'd0/0', w => alterLast(w, 'd0/0', { terminated: true })],
  [
    'a refusal without a dead letter',
    'outcome_not_refused',
    '',
    w => (w.refusals = w.refusals.filter(each => each.input.topic !== 'events')),
  ],
  [
    'a good outcome refused',
    'outcome_refused',
    '',
    w => w.refusals.push({ input: { ...input(w.events[0]), offset: 0 }, code: 'RECORD_INVALID', detail: '' }),
  ],
  [
    'an outcome that was lost',
    'reward_differs',
    'd0/0',
    w => {
      w.events.push(outcome('click', 'd0', 2))
      w.joined.events++
    },
  ],
  [
    'a model that learned one twice',
    'model_count_differs',
    'default@000000000001',
    w => (w.model = { ...w.model, transitions: w.model.transitions + 1 }),
  ],
  [
    'a model that skipped some',
    'model_count_differs',
    'default@000000000001',
    w => (w.model = { ...w.model, transitions: w.model.transitions - 2 }),
  ],
]

const find = (world: World, id: string): number => world.transitions.findIndex(each => each.transition_id === id)
const drop = (world: World, id: string) => {
  world.transitions = world.transitions.filter(each => each.transition_id !== id)
}
const rename = (world: World, to: string) => {
  const copy = { ...world.transitions[0], decision_id: to, transition_id: `${to}/0` }
  world.transitions.push(copy)
}
const alter = (world: World, id: string, fields: object, at = find(world, id)) => {
  world.transitions[at] = { ...world.transitions[at], ...fields }
}
const alterLast = (world: World, id: string, fields: object) =>
  alter(
    world,
    id,
    fields,
    world.transitions.findLastIndex(each => each.transition_id === id),
  )

for (const [name, what, id, damage] of damages)
  test(`finds ${name}`, async () => {
    const world = honest()
    damage(world)
    if (what !== 'model_count_differs') world.model = createModel(world)
    const report = await audit(await writeWorld(world))
    assert.equal(report.balanced, false)
    const kinds = report.differences.map(each => each.what)
    assert.ok(
      report.differences.some(each => each.what === what && (id === '' || each.id === id)),
      kinds.join(', '),
    )
    if (what !== 'transition_missing')
      assert.ok(
        kinds.every(each => each === what || each.endsWith('_differs')),
        kinds.join(', '),
      )
  })

const createModel = ({ transitions }: World): World['model'] => ({
  transitions: transitions.length,
  contains: [{ topic: 'transitions', partition: 0, next: transitions.length }],
})

const upTo = (next: number) => [{ topic: 'transitions', partition: 0, next }]

for (const { title, learned, expired, differs } of [
  { title: 'all since it began', learned: 4, expired: 0, differs: [] },
  { title: 'one less', learned: 3, expired: 0, differs: [['default@000000000002', '4', '3']] },
  { title: 'all since its first version that is left', learned: 4, expired: 2, differs: [] },
  {
    title: 'one less since its first version that is left',
    learned: 3,
    expired: 2,
    differs: [['default@000000000002', '4', '3']],
  },
])
  test(`a policy that was named anew has learned ${title}`, async () => {
    const world = honest()
    const there = world.transitions.length
    const began = there - 4
    const named = { version: '000000000002', parent: '000000000001' }
    // two of each: to begin inside of a chain its reader needs one that another names
    world.versions = [
      { policy: 'former', transitions: began - 1, contains: upTo(began - 1) },
      { policy: 'former', transitions: began, contains: upTo(began), ...named },
      { version: '000000000001', parent: null, transitions: 1, contains: upTo(began + 1) },
    ]
    world.model = { ...named, transitions: learned, contains: upTo(there) }
    const source = await writeWorld(world)
    source.log.truncateFront(topicName(source.prefix, 'models'), 0, expired)
    const { differences, model } = await audit(source)
    assert.deepEqual(
      differences.map(({ what, id, expected, found }) => [what, id, expected, found]),
      differs.map(each => ['model_count_differs', ...each]),
    )
    assert.equal(model.transitionsUnjudged, expired === 0 ? 0 : began)
  })

test('the list of differences is bounded, the verdict and the count are not', async () => {
  const decisions = Array.from({ length: 1200 }, (_, i) => decision(`d${i}`, i / 100))
  const world = createWorld(makeConfig(), decisions, [])
  world.transitions = []
  world.model = createModel(world)
  const report = await audit(await writeWorld(world))
  assert.equal(report.balanced, false)
  assert.deepEqual([report.differences.length, report.found], [1000, 1200])
})

test('transitions that wait for their window are open until it is over', async () => {
  const config = makeConfig({ learn: 'at-close' })
  const early = createWorld(config, [decision('d0', 495)], [])
  assert.equal((await audit(await writeWorld(early))).decisions.open, 1)
  const late = createWorld(config, [decision('d0', 0), decision('d1', 400)], [])
  assert.equal((await audit(await writeWorld(late))).balanced, true)
  late.transitions = late.transitions.filter(each => each.decision_id !== 'd0')
  late.tick = tick(500)
  late.model = createModel(late)
  const report = await audit(await writeWorld(late))
  assert.deepEqual(
    report.differences.map(({ what, id }) => [what, id]),
    [['transition_missing', 'd0/0']],
  )
})

test('a leave that names its decision ends the episode, for the audit as for the joiner', async () => {
  const world = createWorld(
    makeConfig({ gamma: 0.9 }),
    [decision('d0', 0), decision('d1', 2)],
    [outcome('leave', 'd1', 3)],
  )
  assert.deepEqual((await audit(await writeWorld(world))).differences, [])
})

test("an outcome of another user's decision stays refused when that decision is forgotten after it", async () => {
  const stranger = outcome('click', 'd0', 1, { user_id: 'v' })
  const world = createWorld(makeConfig(), [decision('d0', 0)], [stranger, forgetEvent('u', 'f', at(2))])
  const report = await audit(await writeWorld(world))
  assert.deepEqual(report.differences, [])
  assert.equal(report.outcomes.quarantined, 1)
})

test('a refusal that was left by a lost step does not matter, where it depends on the moment', async () => {
  for (const [code, balanced] of [
    ['TIME_IN_FUTURE', true],
    ['OUTCOME_ORPHAN', true],
    ['SLATE_HASH_MISMATCH', false],
  ] as const) {
    const world = honest()
    world.refusals.push({ input: { ...input(world.events[0]), offset: 0 }, code, detail: '' })
    assert.equal((await audit(await writeWorld(world))).balanced, balanced, code)
  }
})

test('an event that was in the future for the step that took it must have been refused', async () => {
  const late = outcome('click', 'd0', 500 + 400)
  const world = createWorld(makeConfig(), [decision('d0', 0)], [late])
  assert.deepEqual((await audit(await writeWorld(world))).outcomes.quarantined, 1)
  world.refusals = []
  const { differences } = await audit(await writeWorld(world))
  assert.deepEqual(
    differences.map(({ what, id }) => [what, id]),
    [['outcome_not_refused', late.event_id]],
  )
})

const short = { correctionWindowMs: 100_000 } as const
type Stepped = readonly [name: string, world: World, fates: Partial<Record<string, number>>]
const stepped: Stepped[] = [
  [
    'an outcome later than correction behind the clock was not joined',
    createStepped(makeConfig(short), [
      [0, decision('d0', 0)],
      [400, decision('d1', 400)],
      [401, outcome('click', 'd0', 50)],
      [1000],
    ]),
    { orphan: 1 },
  ],
  [
    'nor one by item',
    createStepped(makeConfig(short), [
      [0, decision('d0', 0)],
      [400, decision('d1', 400, { items: ['b'] })],
      [401, event('click', 5, { item_id: 'a' })],
      [1000],
    ]),
    { organic: 1 },
  ],
  [
    'a decision that comes when its outcome was given up has none',
    createStepped(makeConfig(short), [
      [0, outcome('click', 'd0', 5)],
      [400, decision('d1', 400)],
      [401, decision('d0', 0)],
      [1000],
    ]),
    { orphan: 1 },
  ],
  [
    'a session that goes on when its last decision has retired was truncated',
    createStepped(makeConfig({ ...short, gamma: 0.9 }), [
      [0, decision('d0', 0)],
      [400, decision('d1', 400)],
      [401, decision('d2', 401)],
      [900],
    ]),
    {},
  ],
  [
    'an outcome within correction was',
    createStepped(makeConfig(short), [
      [0, decision('d0', 0)],
      [50, decision('d1', 50)],
      [51, outcome('click', 'd0', 50)],
      [1000],
    ]),
    { correction: 1 },
  ],
]

/** Comes again in the second `againAt` after another's step; what is of 5 is forgotten at 105. */
const repeated = (first: BehaviorEvent, againAt: number, again = first, ...before: Recommendation[]) =>
  createStepped(makeConfig({ ...short, backwardWindowMs: 8000, rewards: { click: { value: 'value' } } }), [
    [6, ...before, first],
    [againAt - 1, decision('x', againAt - 1, { user_id: 'v' })],
    [againAt, again],
    [1000],
  ])
const unnamed = event('click', 5, { item_id: 'a', value: 1 })
const named = outcome('click', 'nowhere', 5)
const repeats: Stepped[] = [
  ['known', repeated(unnamed, 100), { duplicate: 1, organic: 1 }],
  ['otherwise while it is known', repeated(unnamed, 100, { ...unnamed, value: 2 }), { quarantined: 1, organic: 1 }],
  ['otherwise when it is just forgotten', repeated(unnamed, 120, { ...unnamed, value: 2 }), { organic: 2 }],
  ['perhaps known', repeated(unnamed, 120), { duplicate: 1, organic: 1 }],
  ['long after it was forgotten', repeated(unnamed, 400), { organic: 2 }],
  ['otherwise, long after it was forgotten', repeated(unnamed, 400, { ...unnamed, value: 2 }), { organic: 2 }],
  ['long after it was forgotten, an orphan', repeated(named, 400), { orphan: 2 }],
  ['and its decision has retired with its reward', repeated(unnamed, 120, unnamed, decision('d', 4)), { joined: 1 }],
  ['and a decision younger than it has not', repeated(unnamed, 109, unnamed, decision('d', 4), decision('e', 12)), {}],
  [
    'otherwise, and a decision younger than it has not',
    repeated(unnamed, 109, { ...unnamed, value: 2 }, decision('d', 4), decision('e', 12)),
    { joined: 2 },
  ],
]
stepped.push(...repeats.map(([name, ...rest]) => [`an event comes again: ${name}`, ...rest] as const))

for (const [name, world, fates] of stepped)
  test(`step by step: ${name}`, async () => {
    const report = await audit(await writeWorld(world))
    assert.deepEqual(report.differences, [])
    for (const [fate, count] of Object.entries(fates)) assert.equal(report.outcomes[fate as 'joined'], count, fate)
  })

for (const [what, world] of [
  ['its content contradicts', repeated(unnamed, 100, { ...unnamed, value: 2 })],
  ['it is an orphan once more', repeated(named, 400)],
] as const)
  test(`an event that came again must have been refused where ${what}`, async () => {
    const last = world.refusals.at(-1)!
    const source = await writeWorld({ ...world, refusals: world.refusals.filter(each => each !== last) })
    const { differences } = await audit(source)
    assert.deepEqual(
      differences.map(({ what, id }) => [what, id]),
      [['outcome_not_refused', (last.input.value as BehaviorEvent).event_id]],
    )
  })

for (const [seconds, found] of [
  [105, []],
  [400, ['outcome_refused']],
] as const)
  test(`a flaw that was seen ${seconds - 100} s after its decision was past correction: ${found.length === 0 ? 'the joiner may still have had it' : 'it had not'}`, async () => {
    const flawed = outcome('click', 'd0', 50, { slate_hash: 'another' })
    const world = createStepped(makeConfig(short), [
      [0, decision('d0', 0)],
      [seconds, decision('d1', seconds)],
      [seconds + 1, flawed],
      [1000],
    ])
    world.refusals = [{ input: { ...input(flawed), offset: 0 }, code: 'SLATE_HASH_MISMATCH', detail: '' }]
    const report = await audit(await writeWorld(world))
    assert.deepEqual(
      report.differences.map(({ what }) => what),
      found,
    )
  })

const cut: readonly [
  name: string,
  world: World,
  gone: { topic: TopicName; before: number },
  unjudged: Partial<Record<'decisions' | 'outcomes' | 'transitions', number>>,
][] = [
  [
    'an outcome that was read before its decision and is gone',
    createStepped(makeConfig(), [
      [1, outcome('click', 'd0', 1)],
      [2, decision('d0', 0)],
      [10, decision('d1', 10), outcome('click', 'd1', 10)],
    ]),
    { topic: 'events', before: 1 },
    { decisions: 1, transitions: 1 },
  ],
  [
    'the first half of what a step took',
    createStepped(makeConfig(), [
      [2, decision('d0', 0), outcome('click', 'd0', 1), outcome('click', 'd0', 2)],
      [10, decision('d1', 10), outcome('click', 'd1', 10)],
    ]),
    { topic: 'events', before: 1 },
    { decisions: 1, outcomes: 1, transitions: 1 },
  ],
  [
    'the decision of a correction',
    createStepped(makeConfig(short), [
      [0, decision('d0', 0)],
      [51, outcome('click', 'd0', 51)],
      [1000, event('view', 1000, { item_id: 'a' })],
    ]),
    { topic: 'recommendations', before: 1 },
    { outcomes: 1, transitions: 1 },
  ],
]

for (const [name, world, { topic, before }, unjudged] of cut)
  test(`retention took ${name}: counted, not judged`, async () => {
    const source = await writeWorld(world)
    assert.deepEqual((await audit(source)).differences, [])
    source.log.truncateFront(topicName(source.prefix, topic), 0, before)
    const report = await audit(source)
    assert.deepEqual(report.differences, [])
    for (const [kind, count] of Object.entries(unjudged))
      assert.equal(report[kind as 'decisions'].unjudged, count, kind)
  })

test('on a log cut by retention an outcome of later times that nobody refused is found', async () => {
  const world = createStepped(makeConfig(short), [
    [0, decision('d0', 0)],
    [500, outcome('click', 'nowhere', 500)],
    [1000, event('view', 1000, { item_id: 'a' })],
  ])
  world.refusals = []
  const source = await writeWorld(world)
  source.log.truncateFront(topicName(source.prefix, 'recommendations'), 0, 1)
  const { differences } = await audit(source)
  assert.deepEqual(
    differences.map(({ what, id }) => [what, id]),
    [['outcome_not_refused', world.events[0].event_id]],
  )
})

test("what was joined under other rules is counted, not judged; a weight is the learner's", async () => {
  const rewards = (value: number, weight = 1) => makeConfig({ rewards: { click: { value, weight } } })
  const source = await writeWorld(createWorld(rewards(1), [decision('d0', 0)], [outcome('click', 'd0', 2)]))
  const unjudged = async (config: Config) => {
    const { differences, decisions, outcomes, transitions } = await audit({ ...source, config })
    assert.deepEqual(differences, [])
    return [decisions.unjudged, outcomes.unjudged, transitions.unjudged]
  }
  assert.deepEqual(await unjudged(rewards(2)), [1, 1, 1])
  assert.deepEqual(await unjudged(rewards(1, 5)), [0, 0, 0])
})

test('an event that came before a limit was lowered is counted, not judged', async () => {
  const config = makeConfig({ rewards: { click: { value: 'value' } } })
  const large = outcome('click', 'd0', 2, { value: 5000 })
  const source = await writeWorld(createWorld(config, [decision('d0', 0)], [large]))
  const lowered = { ...config, limits: { ...config.limits, maxValue: 1000 } }
  const { differences, outcomes } = await audit({ ...source, config: lowered })
  assert.deepEqual([differences, outcomes.unjudged, outcomes.quarantined], [[], 1, 0])
})

test('decisions of a policy that the configuration no longer has are counted, not judged', async () => {
  const world = createWorld(
    makeConfig({}, { name: 'second' }),
    [decision('d0', 0), decision('d1', 1, { policy: 'second' })],
    [outcome('click', 'd0', 2), outcome('click', 'd1', 2)],
  )
  const report = await audit({ ...(await writeWorld(world)), config: makeConfig() })
  assert.deepEqual(report.differences, [])
  assert.deepEqual([report.decisions.unjudged, report.outcomes.unjudged], [1, 1])
  assert.deepEqual([report.decisions.learnedWithReward, report.outcomes.joined], [1, 1])
})
