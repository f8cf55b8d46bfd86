/**
 * Same set in, same sums out: any order, split, duplication, lost race and crash of a random history must come to what
 * the batch join comes to (src/evaluation/batch.ts). FEEDLOOP_RUNS sets how many histories each property tries.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BehaviorEvent, Recommendation, Transition } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
import { type BatchJoin, batchJoin, type Gone } from '../../src/evaluation/batch.ts'
import { createRandom, type Random } from '../../src/state/random.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { type History, history } from './histories.ts'
import { at, input, type Taken, tick } from './make.ts'

const numRuns = Number(process.env.FEEDLOOP_RUNS ?? 5000)

/** How a history comes about: chance decides order, repetition, splits and faults. */
interface Chances {
  readonly seed: number
  readonly repeat: number
  readonly lose: number
  readonly crash: number
}
const chances = fc.record({
  seed: fc.nat(),
  repeat: fc.constantFrom(0, 0.3),
  lose: fc.constantFrom(0, 0.2),
  crash: fc.constantFrom(0, 0.2),
})

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const left = [...values]
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1))
    ;[left[i], left[j]] = [left[j], left[i]]
  }
  return left
}

/** Steps in which a history arrives: watermarks creep within the lateness bound, then all windows close one by one. */
function arrivals({ decisions, events }: History, { repeat }: Chances, random: Random): Taken[] {
  const all: readonly (Recommendation | BehaviorEvent)[] = [...decisions, ...events]
  const left = shuffled([...all, ...all.filter(() => random.uniform() < repeat)], random)
  const steps: Taken[] = []
  let watermark = 0
  while (left.length > 0) {
    const inputs = left.splice(0, 1 + Math.floor(random.uniform() * 4)).map(input)
    watermark += random.uniform() * 40
    steps.push({ tick: tick(300 + steps.length, watermark), inputs })
  }
  return [...steps, { tick: tick(700, 700), inputs: [] }, { tick: tick(900, 900), inputs: [] }]
}

const KEPT_MS = 40_000

/** The history under a correction window so short that much of it comes too late. */
function hurried({ config, decisions, events }: History): History {
  const policies = config.policies.map(policy => ({ ...policy, correctionWindowMs: KEPT_MS }))
  return {
    config: { ...config, policies, limits: { ...config.limits, futureSkewMs: 5000 } },
    decisions,
    events: events.filter(each => each.time_ms > at(-5)),
  }
}

const timeOf = (record: Recommendation | BehaviorEvent): number =>
  'event_id' in record ? record.time_ms : record.request_time_ms
const nameOf = (record: Recommendation | BehaviorEvent): string =>
  'event_id' in record ? `event ${record.event_id}` : `decision ${record.decision_id}`

/** Steps in which a history arrives by the clock, half of it late. */
function lateArrivals({ decisions, events }: History, { repeat }: Chances, random: Random): Taken[] {
  const late = [...decisions, ...events].map(record => {
    const lateMs = random.uniform() * (random.uniform() < 0.5 ? 5000 : 60_000)
    return { record, atMs: timeOf(record) + lateMs }
  })
  const again = late
    .filter(() => random.uniform() < repeat)
    .map(({ record, atMs }) => ({ record, atMs: atMs + random.uniform() * 5000 }))
  // Who is repeated when it is forgotten is new.
  const left = [...late, ...again.filter(({ record, atMs }) => atMs < timeOf(record) + KEPT_MS)]
  left.sort((a, b) => a.atMs - b.atMs)
  const steps: Taken[] = []
  while (left.length > 0) {
    const some = left.splice(0, 1 + Math.floor(random.uniform() * 3))
    const timeMs = Math.ceil(some.at(-1)!.atMs)
    steps.push({ tick: { timeMs, watermarkMs: timeMs - 1000 }, inputs: some.map(({ record }) => input(record)) })
  }
  return [...steps, { tick: tick(300), inputs: [] }, { tick: tick(600), inputs: [] }]
}

/** Which records the joiner had dropped when others first came: they had retired by its clock.
 * @returns `sure` tells whether it was never a matter of a timer's width */
function parting(clocks: readonly (readonly [Taken, number])[]) {
  const moments = new Map<string, { readonly step: number; readonly clockMs: number }>()
  for (const [step, [{ inputs }, clockMs]] of clocks.entries())
    for (const { value } of inputs) {
      const name = nameOf(value as Recommendation | BehaviorEvent)
      if (!moments.has(name)) moments.set(name, { step, clockMs })
    }
  let isSure = true
  const gone: Gone = (one, other) => {
    const [a, b] = [moments.get(nameOf(one))!, moments.get(nameOf(other))!]
    const lateMs = b.clockMs - timeOf(one) - KEPT_MS
    if (a.step < b.step && Math.abs(lateMs) < 50) isSure = false
    return a.step < b.step && lateMs >= 0
  }
  return { gone, sure: () => isSure }
}

interface Result {
  readonly written: Transition[]
  readonly state: JoinerState
  /** Each accepted step with the joiner's clock before it. */
  readonly clocks: (readonly [Taken, number])[]
  /** Outcomes by fate. */
  readonly fates: Readonly<Record<string, number>>
  /** Ids of refused outcomes. */
  readonly refused: ReadonlySet<string>
}

/** @param rules those under which it comes back from a crash, the last ones in the end; without: always the history's */
function play(
  { config }: History,
  steps: readonly Taken[],
  { lose, crash }: Chances,
  random: Random,
  rules: readonly Config[] = [config],
): Result {
  let joiner = createJoiner(config)
  let state = joiner.open(0) as JoinerState
  const accepted: { taken: Taken; written: Transition[] }[] = []
  const clocks: Result['clocks'] = []
  const fates: Record<string, number> = {}
  const refused = new Set<string>()
  let choice = rules
  const recover = () => {
    joiner = createJoiner(choice[Math.floor(random.uniform() * choice.length)])
    state = joiner.open(0) as JoinerState
    for (const { taken, written } of accepted) {
      joiner.fold(
        state,
        taken.inputs,
        written.map(value => ({ key: value.user_id, value })),
        taken.tick,
      )
      state.commit()
    }
  }
  for (const [at, taken] of steps.entries()) {
    if (at === steps.length - 2 && rules.length > 1) {
      choice = rules.slice(-1)
      recover()
    }
    if (random.uniform() < lose) {
      joiner.step(state, taken.inputs, taken.tick, undefined)
      state.discard()
    }
    if (random.uniform() < crash) recover()
    clocks.push([taken, state.clock.get('clock')?.nowMs ?? -1])
    const { outputs, counts, refusals } = joiner.step(state, taken.inputs, taken.tick, undefined)
    accepted.push({ taken, written: outputs.map(each => each.value as Transition) })
    for (const { metric, labels, value } of counts)
      if (metric === 'feedloop_outcomes_total') fates[labels!.fate] = (fates[labels!.fate] ?? 0) + value
    for (const { input: of } of refusals) if (of.topic === 'events') refused.add((of.value as BehaviorEvent).event_id)
    if (random.uniform() < crash) recover()
    else state.commit()
  }
  const written = accepted.flatMap(each => each.written)
  for (let seconds = 1000; joiner.due!(state, tick(seconds)); seconds++) {
    for (const { value } of joiner.step(state, [], tick(seconds), undefined).outputs) written.push(value as Transition)
    state.commit()
  }
  return { written, state, clocks, fates, refused }
}

function assertAgrees(written: readonly Transition[], expected: BatchJoin): void {
  const revisions = Map.groupBy(written, each => each.transition_id)
  assert.deepEqual([...revisions.keys()].sort(), [...expected.transitions.keys()].sort())
  for (const [id, list] of revisions) {
    const should = expected.transitions.get(id)!
    assert.deepEqual(
      list.map(each => each.revision),
      list.map((_, i) => i),
      id,
    )
    assert.equal(list[0].kind, 'initial', id)
    const last = list.at(-1)!
    const sums: Record<string, number> = {}
    for (const { delta } of list)
      for (const [component, change] of Object.entries(delta)) sums[component] = (sums[component] ?? 0) + change
    for (const component of new Set([...Object.keys(sums), ...Object.keys(should.rewards)])) {
      assert.ok(Math.abs((sums[component] ?? 0) - (should.rewards[component] ?? 0)) < 1e-9, `${id} ${component}`)
      assert.ok(
        Math.abs((last.cumulative[component] ?? 0) - (should.rewards[component] ?? 0)) < 1e-9,
        `${id} ${component}`,
      )
    }
    assert.equal(last.next_decision_id, should.nextId, id)
    assert.equal(last.next_state?.context.of ?? null, should.nextId, id)
    assert.equal(last.discount, should.discount, id)
    assert.ok(!(last.terminated && last.truncated), id)
    assert.equal(last.terminated ? 'terminated' : last.truncated ? 'truncated' : null, should.end, id)
  }
}

test('any order, split, duplication, lost step and crash comes to the batch join', () => {
  fc.assert(
    fc.property(history, chances, (past, how) => {
      const random = createRandom(how.seed)
      const { written } = play(past, arrivals(past, how, random), how, random)
      assertAgrees(written, batchJoin(past.decisions, past.events, past.config))
    }),
    { numRuns },
  )
})

test('what comes too late for some and in time for others comes to the batch join of those that met', () => {
  fc.assert(
    fc.property(history, chances, (given, how) => {
      const past = hurried(given)
      const random = createRandom(how.seed)
      const steps = [
        ...lateArrivals(past, how, random),
        { tick: tick(3000), inputs: [] },
        { tick: tick(3001), inputs: [] },
      ]
      const { written, clocks, fates, refused } = play(past, steps, how, random)
      const { gone, sure } = parting(clocks)
      const expected = batchJoin(past.decisions, past.events, past.config, gone)
      if (!sure()) return
      assertAgrees(written, expected)
      const events = steps.flatMap(each => each.inputs).filter(each => each.topic === 'events')
      assert.equal(
        Object.values(fates).reduce((sum, each) => sum + each, 0),
        events.length,
        'one fate each',
      )
      for (const [id, fate] of expected.outcomes)
        assert.equal(refused.has(id), fate === 'orphan' || fate === 'quarantined', `${id} ${fate}`)
    }),
    { numRuns },
  )
})

const reopened = fc.record({
  maxBytes: fc.constantFrom(300, 900_000),
  learn: fc.constantFrom('immediately', 'at-close'),
  attributionWindowMs: fc.constantFrom(2000, 10_000),
  click: fc.constantFrom(1, 2),
})

test('restarts under other rules come to the batch join under the last of them', () => {
  fc.assert(
    fc.property(history, chances, fc.array(reopened, { minLength: 2, maxLength: 3 }), (past, how, others) => {
      const rules = others.map(({ maxBytes, click, ...rest }): Config => {
        const policies = past.config.policies.map(policy => ({
          ...policy,
          ...rest,
          rewards: { ...policy.rewards, click: { ...policy.rewards.click, value: click } },
        }))
        return { ...past.config, policies, step: { ...past.config.step, maxBytes } }
      })
      const random = createRandom(how.seed)
      const { written } = play(past, arrivals(past, how, random), how, random, rules)
      const expected = batchJoin(past.decisions, past.events, rules.at(-1)!)
      // What a longer window had activated stays so.
      const deferred = new Set(past.decisions.filter(each => each.deferred).map(each => each.decision_id))
      const kept = written.filter(
        each => expected.transitions.has(each.transition_id) || !deferred.has(each.decision_id),
      )
      assertAgrees(kept, expected)
    }),
    { numRuns: Math.ceil(numRuns / 3) },
  )
})

test('the last cumulative reward does not even differ in its last bit between two arrivals', () => {
  const ends = (written: readonly Transition[]) =>
    written
      .toSorted((a, b) => a.transition_id.localeCompare(b.transition_id) || a.revision - b.revision)
      .filter((each, i, all) => all[i + 1]?.transition_id !== each.transition_id)
      .map(each => [each.transition_id, Object.entries(each.cumulative).sort(), each.next_decision_id, each.discount])
  fc.assert(
    fc.property(history, chances, chances, (past, how, other) => {
      const results = [how, other].map(each => {
        const random = createRandom(each.seed)
        return ends(play(past, arrivals(past, each, random), each, random).written)
      })
      assert.deepEqual(results[0], results[1])
    }),
    { numRuns: Math.ceil(numRuns / 3) },
  )
})

const dump = (state: JoinerState) =>
  Object.fromEntries(
    (['joins', 'sessions', 'touches', 'waiting', 'seen', 'pages', 'buckets', 'clock'] as const).map(name => [
      name,
      [...state[name].range('', '\uffff')],
    ]),
  )

test('the law: a step leaves the state exactly as a fold of its inputs and outputs', () => {
  fc.assert(
    fc.property(history, chances, fc.boolean(), (given, how, isLate) => {
      const past = isLate ? hurried(given) : given
      const joiner = createJoiner(past.config)
      const stepped = joiner.open(0) as JoinerState
      const folded = joiner.open(0) as JoinerState
      for (const taken of (isLate ? lateArrivals : arrivals)(past, how, createRandom(how.seed))) {
        const { outputs } = joiner.step(stepped, taken.inputs, taken.tick, undefined)
        joiner.fold(folded, taken.inputs, outputs, taken.tick)
        stepped.commit()
        folded.commit()
        assert.deepEqual(dump(folded), dump(stepped))
      }
    }),
    { numRuns: Math.ceil(numRuns / 3) },
  )
})

test('nothing stays behind: past the correction window every table is empty', () => {
  fc.assert(
    fc.property(history, chances, fc.boolean(), (given, how, isLate) => {
      const past = isLate ? hurried(given) : given
      const joiner = createJoiner(past.config)
      const state = joiner.open(0) as JoinerState
      const last = { tick: tick(5000), inputs: [] }
      for (const taken of [...(isLate ? lateArrivals : arrivals)(past, how, createRandom(how.seed)), last]) {
        joiner.step(state, taken.inputs, taken.tick, undefined)
        state.commit()
      }
      const { clock: _, buckets, ...rest } = dump(state)
      for (const [name, entries] of Object.entries(rest)) assert.deepEqual(entries, [], name)
      for (const [name, due] of buckets) assert.deepEqual(due, [], name)
      assert.equal(joiner.due!(state, { timeMs: at(1e6), watermarkMs: at(1e6) }), false)
    }),
    { numRuns: Math.ceil(numRuns / 5) },
  )
})
