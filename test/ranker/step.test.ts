import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recommendation } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import type { Policy } from '../../src/models/policy.ts'
import type { RankerView } from '../../src/ranker/decide.ts'
import { createRanker, type RankerState } from '../../src/ranker/step.ts'
import type { Input, StepResult } from '../../src/stage.ts'
import { catalogue, event, input, nowMs, profile, request, serve, shown, view, weighted } from './fixtures.ts'

const explorer = (name: string, over = {}): ConfigInput => ({ policies: [{ explorer: { name, ...over } as never }] })

interface Run {
  readonly config?: ConfigInput
  readonly inputs: readonly Input[]
  readonly view?: RankerView
  readonly timeMs?: number
}
interface Ran extends StepResult {
  readonly decisions: readonly Recommendation[]
  readonly state: RankerState
}

function run({ config, inputs, view: given = view(), timeMs = nowMs }: Run): Ran {
  const ranker = createRanker(parseConfig(config))
  const state = ranker.open(0) as RankerState
  const result = ranker.step(state, inputs, { timeMs, watermarkMs: -1 }, given)
  state.commit()
  return { ...result, decisions: result.outputs.map(output => output.value as Recommendation), state }
}

const total = (result: StepResult, metric: string, labels: Record<string, string> = {}): number =>
  result.counts
    .filter(count => count.metric === metric)
    .filter(count => Object.entries(labels).every(([name, value]) => count.labels?.[name] === value))
    .reduce((sum, count) => sum + count.value, 0)

test('a decision logs what it was taken on and how it chose', () => {
  const asked = request({
    slots: 2,
    context: { hour: 3 },
    deadline_ms: nowMs + 50,
    deferred: true,
    time_ms: nowMs - 10,
  })
  const { decisions, outputs } = run({
    config: explorer('softmax', { temperature: 0.5, epsilon: 0.1 }),
    inputs: [
      input('profiles', profile()),
      input('events', event({ item_id: 'i2', time_ms: nowMs - 500, value: 4 })),
      input('requests', asked),
    ],
    view: view({ serving: serve(weighted([0, 1, 0, 0])) }),
  })
  const decision = decisions[0]
  assert.equal(outputs[0].key, 'ann')
  const { slots, first_slot_probabilities: first, slate_hash, seed, ...rest } = decision
  assert.deepEqual(rest, {
    decision_id: 'r1',
    policy: 'default',
    user_id: 'ann',
    session_id: 'ann~r1',
    previous_decision_id: null,
    session_step: 0,
    request_time_ms: nowMs - 10,
    decision_time_ms: nowMs,
    deadline_ms: nowMs + 50,
    model_version: '000007',
    release_version: 'release-3',
    encoder_version: rest.encoder_version,
    retrieval_version: 'catalogue-1',
    mode: 'online',
    chosen_by: 'policy',
    propensity_kind: 'exact',
    explorer: { name: 'softmax', parameters: { temperature: 0.5, epsilon: 0.1 } },
    state: {
      profile_version: 1,
      profile: profile().vector,
      history: [{ item_id: 'i2', feature_version: 3, type: 'click', age_ms: 500, value: 4 }],
      counts: { click: 1 },
      context: { hour: 3 },
    },
    candidates: [0, 1, 2, 3].map(i => ({
      item_id: `i${i}`,
      feature_version: i + 1,
      source: 'catalogue',
      inclusion_probability: 1,
    })),
    constraints: { masked: [], counters: {}, quotas: [], shifts: [], diversity: null },
    shadow_slate: null,
    pass_probability: 1,
    shed: false,
    deferred: true,
    reason: '',
    explanation: null,
  })
  const weight = (score: number) => Math.exp(score / 0.5)
  const p = (0.9 * weight(1)) / (weight(1) + 3) + 0.1 / 4
  assert.ok(Math.abs(first[1] - p) < 1e-12)
  assert.match(slate_hash, /^[0-9a-f]{16}$/)
  assert.ok(Number.isSafeInteger(seed))
  for (const [position, slot] of slots.entries()) {
    assert.equal(slot.position, position)
    assert.equal(slot.item_id, decision.candidates[slot.candidate].item_id)
    assert.equal(slot.first_draw_propensity, first[slot.candidate])
  }
  assert.equal(slots[0].conditional_propensity, slots[0].first_draw_propensity)
})

test('the same request, state and model give the same bytes', () => {
  const inputs = [input('events', event()), input('requests', request({ slots: 3 }))]
  const once = run({ inputs, view: view({ serving: serve(weighted([1, 2, 3, 4])) }) })
  const again = run({ inputs, view: view({ serving: serve(weighted([1, 2, 3, 4])) }) })
  assert.equal(JSON.stringify(once.decisions), JSON.stringify(again.decisions))
  const other = run({ inputs: [input('requests', request({ request_id: 'r2' }))] })
  assert.notEqual(other.decisions[0].seed, once.decisions[0].seed)
})

test('a request id is decided once: in one step, in later steps, and again after the window', () => {
  const ranker = createRanker(parseConfig({ limits: { requestDedupMs: 1000 } }))
  const state = ranker.open(0) as RankerState
  const decide = (timeMs: number, ids: readonly string[]) => {
    const inputs = ids.map(id => input('requests', request({ request_id: id, time_ms: timeMs })))
    const result = ranker.step(state, inputs, { timeMs, watermarkMs: -1 }, view())
    state.commit()
    return [result.outputs.length, total(result, 'feedloop_requests_duplicate_total')]
  }
  assert.deepEqual(decide(nowMs, ['a', 'a', 'b']), [2, 1])
  assert.deepEqual(decide(nowMs + 1000, ['a', 'c', 'b']), [1, 2])
  assert.deepEqual(decide(nowMs + 1300, ['d']), [1, 0])
  assert.deepEqual(decide(nowMs + 1300, ['a', 'c']), [1, 1], 'a was forgotten, c not')
})

test('a discarded step is forgotten', () => {
  const ranker = createRanker(parseConfig({}))
  const state = ranker.open(0) as RankerState
  const inputs = [input('events', event()), input('requests', request())]
  const tick = { timeMs: nowMs, watermarkMs: -1 }
  const lost = ranker.step(state, inputs, tick, view())
  state.discard!()
  assert.equal(state.tables.people.size, 0)
  assert.deepEqual(ranker.step(state, inputs, tick, view()), lost)
})

const empty: { name: string; run: Run; reason: string; dropped?: number }[] = [
  {
    name: 'past its deadline',
    run: { inputs: [input('requests', request({ deadline_ms: nowMs - 1 }))] },
    reason: 'expired',
  },
  {
    name: 'empty catalogue',
    run: { inputs: [input('requests', request())], view: view({ features: catalogue(0) }) },
    reason: 'empty_catalogue',
  },
  {
    name: 'nothing available',
    run: { inputs: [input('requests', request())], view: view({ features: catalogue(1, ['i0']) }) },
    reason: 'no_candidate_left',
  },
  {
    name: 'only unknown and unavailable candidates',
    run: {
      inputs: [input('requests', request({ candidates: ['i1', 'x', 'y'] }))],
      view: view({ features: catalogue(2, ['i1']) }),
    },
    reason: 'no_candidate_left',
    dropped: 3,
  },
]
for (const { name, run: given, reason, dropped = 0 } of empty)
  test(`an empty slate is a decision with a reason: ${name}`, () => {
    const result = run(given)
    const [decision] = result.decisions
    assert.equal(decision.reason, reason)
    assert.deepEqual([decision.slots, decision.candidates, decision.first_slot_probabilities], [[], [], []])
    assert.equal(decision.propensity_kind, 'unknown')
    assert.equal(total(result, 'feedloop_requests_unanswerable_total', { reason }), 1)
    assert.equal(total(result, 'feedloop_decisions_total'), 1)
    assert.equal(total(result, 'feedloop_candidates_dropped_total'), dropped)
    assert.ok(result.state.decidedIds.has('r1'))
  })

test('candidates of the request: unknown and unavailable ones are left out and counted, the others keep their order', () => {
  const result = run({
    inputs: [input('requests', request({ candidates: ['i3', 'x', 'i1', 'i0'], slots: 3 }))],
    view: view({ features: catalogue(4, ['i1']) }),
  })
  const [decision] = result.decisions
  assert.deepEqual(
    decision.candidates.map(({ item_id, source, inclusion_probability }) => [item_id, source, inclusion_probability]),
    [
      ['i3', 'request', 1],
      ['i0', 'request', 1],
    ],
  )
  assert.equal(decision.reason, 'short_slate')
  assert.deepEqual([...shown(decision)].sort(), ['i0', 'i3'])
  assert.equal(total(result, 'feedloop_candidates_dropped_total', { reason: 'unknown' }), 1)
  assert.equal(total(result, 'feedloop_candidates_dropped_total', { reason: 'unavailable' }), 1)
})

test('while the catalogue is being read, an item that is not in it yet may be shown, without features', () => {
  const { decisions, refusals } = run({
    inputs: [input('events', event({ item_id: 'new' })), input('requests', request({ candidates: ['new'] }))],
    view: view({ catalogueReady: false, serving: serve(weighted([1])) }),
  })
  assert.deepEqual(shown(decisions[0]), ['new'])
  assert.equal(decisions[0].candidates[0].feature_version, 0)
  assert.deepEqual(refusals, [])
})

test('too large a catalogue is thinned to a uniform subset whose inclusion probability is logged', () => {
  const features = catalogue(5)
  const seen = new Map<string, number>()
  const rounds = 3000
  for (let i = 0; i < rounds; i++) {
    const asked = request({ request_id: `r${i}` })
    const { decisions } = run({
      config: { limits: { maxCandidates: 2 } },
      inputs: [input('requests', asked)],
      view: view({ features }),
    })
    assert.equal(decisions[0].candidates.length, 2)
    for (const candidate of decisions[0].candidates) {
      assert.equal(candidate.inclusion_probability, 2 / 5)
      seen.set(candidate.item_id, (seen.get(candidate.item_id) ?? 0) + 1)
    }
  }
  for (const count of seen.values()) assert.ok(Math.abs(count - 0.4 * rounds) < 4.5 * Math.sqrt(rounds * 0.24))
})

test('before the first release: uniform, or greedy in the order of the caller with the floor', () => {
  const asked = request({ candidates: ['i0', 'i1', 'i2'], baseline: ['i2', 'i0'], slots: 3 })
  const random = run({ inputs: [input('requests', asked)] }).decisions[0]
  assert.deepEqual(random.explorer, { name: 'uniform', parameters: {} })
  assert.deepEqual(random.first_slot_probabilities, [1 / 3, 1 / 3, 1 / 3])
  assert.equal(random.model_version, '')
  const initial = (epsilon: number): ConfigInput => ({ policies: [{ initial: 'greedy', explorer: { epsilon } }] })
  const greedy = run({ config: initial(0), inputs: [input('requests', asked)] }).decisions[0]
  assert.deepEqual(shown(greedy), ['i2', 'i0', 'i1'])
  assert.equal(greedy.propensity_kind, 'deterministic')
  const floored = run({ config: initial(0.3), inputs: [input('requests', asked)] }).decisions[0]
  assert.deepEqual(
    floored.first_slot_probabilities.map(p => p.toFixed(9)),
    ['0.100000000', '0.100000000', '0.800000000'],
  )
  assert.equal(floored.propensity_kind, 'exact')
})

test('scores that are no numbers fall back to uniform, and the record says so', () => {
  const { decisions } = run({
    inputs: [input('requests', request())],
    view: view({ serving: serve(weighted([Number.NaN])) }),
  })
  assert.equal(decisions[0].explorer.name, 'uniform')
  assert.equal(decisions[0].reason, 'scores_not_finite')
  assert.deepEqual(decisions[0].first_slot_probabilities, [0.25, 0.25, 0.25, 0.25])
})

test('deviations that the explorer does not use are not computed', () => {
  const plain = weighted([0.5])
  const lazy: Policy = {
    ...plain,
    scorer: (state, candidates) => ({
      mean: plain.scorer(state, candidates).mean,
      get deviation(): Float64Array {
        throw new Error('a triangular solve for each candidate')
      },
    }),
  }
  const by = (name: 'greedy' | 'epsilon-greedy' | 'softmax' | 'linucb') =>
    run({
      config: { policies: [{ explorer: { name } }] },
      inputs: [input('requests', request())],
      view: view({ serving: serve(lazy) }),
    }).decisions[0]
  for (const name of ['greedy', 'epsilon-greedy', 'softmax'] as const) assert.equal(by(name).explorer.name, name)
  assert.throws(() => by('linucb'), /triangular/)
})

test('sessions: by id where given, else cut by the gap; policies do not share them', () => {
  const gapMs = 1000
  const asked = (id: string, timeMs: number, session_id: string | null = null, policy = 'a') =>
    input('requests', request({ request_id: id, time_ms: timeMs, session_id, policy }))
  const { decisions } = run({
    config: { policies: ['a', 'b'].map(name => ({ name, sessionGapMs: gapMs })) },
    inputs: [
      asked('r1', nowMs - 9000),
      asked('r2', nowMs - 8000),
      asked('b1', nowMs - 8000, null, 'b'),
      asked('r3', nowMs - 6999),
      asked('r4', nowMs - 6999, 'given'),
      asked('r5', nowMs - 6500),
      asked('r6', nowMs - 5000, 'given'),
      asked('r7', nowMs - 4900, 'other device'),
      asked('r8', nowMs - 4800, 'given'),
    ],
  })
  assert.deepEqual(
    decisions.map(d => [d.decision_id, d.session_id, d.previous_decision_id, d.session_step]),
    [
      ['r1', 'ann~r1', null, 0],
      ['r2', 'ann~r1', 'r1', 1],
      ['b1', 'ann~b1', null, 0],
      ['r3', 'ann~r3', null, 0],
      ['r4', 'given', null, 0],
      ['r5', 'given', 'r4', 1],
      ['r6', 'given', 'r5', 2],
      ['r7', 'other device', null, 0],
      ['r8', 'given', 'r6', 3],
    ],
  )
})

test('an empty slate does not move the session on', () => {
  const { decisions } = run({
    inputs: [
      input('requests', request({ request_id: 'r1' })),
      input('requests', request({ request_id: 'r2', candidates: ['x'] })),
      input('requests', request({ request_id: 'r3' })),
    ],
  })
  assert.deepEqual(
    decisions.map(d => [d.previous_decision_id, d.session_step]),
    [
      [null, 0],
      ['r1', 1],
      ['r1', 1],
    ],
  )
})

test('all events of a step come before its requests, wherever they stand', () => {
  const { decisions } = run({ inputs: [input('requests', request()), input('events', event())] })
  assert.equal(decisions[0].state.history.length, 1)
})

test('refusals carry their code; the rest of the step goes on', () => {
  const { refusals, decisions, state } = run({
    inputs: [
      input('events', event({ event_id: 'future', time_ms: nowMs + 3_600_000 })),
      input('events', event({ event_id: 'value', value: Number.NaN })),
      input('events', event({ event_id: 'unknown', item_id: 'x' })),
      input('requests', request({ request_id: 'no-policy', policy: 'nobody' })),
      input('requests', request({ request_id: 'no-slots', slots: 0 })),
      input('requests', request()),
    ],
  })
  assert.deepEqual(
    refusals.map(refusal => refusal.code),
    ['TIME_IN_FUTURE', 'REWARD_NOT_FINITE', 'ITEM_UNKNOWN', 'RECORD_INVALID', 'RECORD_INVALID'],
  )
  assert.deepEqual(
    decisions.map(decision => decision.decision_id),
    ['r1'],
  )
  assert.ok(!state.decidedIds.has('no-slots'))
})

test('a repeated event counts once in the state', () => {
  const result = run({ inputs: [input('events', event()), input('events', event()), input('requests', request())] })
  assert.equal(total(result, 'feedloop_events_duplicate_total'), 1)
  assert.deepEqual(result.decisions[0].state.counts, { click: 1 })
})

test('a deleted profile is gone from the state, whoever had one', () => {
  const deletion = (key: string): Input => ({ ...input('profiles', null), key })
  const { decisions } = run({
    inputs: [input('profiles', profile()), deletion('ann'), deletion('nobody'), input('requests', request())],
  })
  assert.equal(decisions[0].state.profile, null)
  assert.equal(decisions[0].state.profile_version, 0)
})
