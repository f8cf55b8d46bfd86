/**
 * How much a decision counts before all is known about it. Around an exact learner: what is said of rewards goes through
 * as it is (b += w r φ); φφᵀ of a decision counts w · P(looked at | position) · P(delay <= age), growing by revisions to
 * its full weight as the decision ages. So E[b] = E[A] θ at every age, and a decision whose reward may still come, or that
 * nobody looked at, is no sure negative (delays: the denominator of Vernade, Cappé & Perchet, arXiv 1706.09186;
 * positions: position.ts). Time comes from the records alone: the newest decision or reward. The class stays exact: once
 * all is mature the sums are those of the batch, to rounding.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import { bucketOf, createDelays, type Delays } from './delay.ts'
import type { Checkpoint, Example, Learner, LearnStats } from './learner.ts'
import { createPositions, type Positions } from './position.ts'
import { revisionOf } from './revision.ts'
import { LEAST } from './reward-range.ts'
import { isFiniteArray, removedTensor } from './tensors.ts'
import { createWaiting, decodeRow, encodeRow, isRow, type Row, rowName, type Waiting } from './waiting.ts'
import type { LearnedTransition } from './wire.ts'

export interface WeighingOptions {
  /** Age from which a decision counts whole, ms; 0: at once. */
  readonly windowMs: number
  /** Event types that are rewards, with their weights in the scalar reward. */
  readonly weights: Readonly<Record<string, number>>
  /** Weigh by the examination of the position, as it was estimated when the decision came. */
  readonly positions: boolean
  /** Every decision earns `least` once (reward-range.ts). */
  readonly ranged?: boolean
  /** Decisions that wait at most; the oldest of more count whole before their time. */
  readonly maxWaiting: number
}

/** Growth of P(delay <= age) that is worth an update of the sums. */
const STEP = 1 / 8
/** Index of a reward type in the rows of a checkpoint. */
const TYPE = 'weighing_type/'

interface State {
  readonly inner: Learner
  readonly options: WeighingOptions
  readonly types: readonly string[]
  delays: Delays
  positions: Positions
  readonly waiting: Waiting
  nowMs: number
  /** Rows that changed since the last snapshot; undefined: gone. */
  readonly changed: Map<string, Row | undefined>
  overflowed: number
}

export function weighing(inner: Learner, options: WeighingOptions): Learner {
  const state: State = {
    inner,
    options,
    types: Object.keys(options.weights).sort(),
    delays: createDelays(options),
    positions: createPositions(),
    waiting: createWaiting(options.windowMs),
    nowMs: 0,
    changed: new Map(),
    overflowed: 0,
  }
  return {
    algorithm: inner.algorithm,
    revisions: inner.revisions,
    usesCandidates: inner.usesCandidates,
    learn: batch => learn(state, batch),
    snapshot: (version, full) => snapshot(state, version, full),
    restore: model => restore(state, model),
  }
}

function learn(state: State, batch: readonly Example[]): LearnStats {
  for (const { transition } of batch)
    state.nowMs = Math.max(state.nowMs, transition.decision_time_ms, transition.reward_time_ms ?? 0)
  const through: Example[] = []
  const counted: Example[] = []
  for (const example of batch) take(state, example, through, counted)
  for (const row of state.waiting.takeDue(state.nowMs)) grow(state, row, counted)
  while (state.waiting.size > state.options.maxWaiting) {
    state.overflowed++
    finish(state, state.waiting.takeOldest()!, counted)
  }
  // in one step: who watches whether rewards keep up with decisions must not see the ones without the others
  const { refused, stats } = state.inner.learn([...counted, ...through])
  const waiting = { waiting: state.waiting.size, waiting_overflowed: state.overflowed }
  return {
    learned: Math.max(0, batch.length - Object.values(refused).reduce((sum, count) => sum + count, 0)),
    refused,
    stats: { ...stats, ...waiting },
  }
}

/** Parts a revision: what it says of rewards goes `through`, its φφᵀ waits or is `counted` at once. */
function take(state: State, example: Example, through: Example[], counted: Example[]): void {
  const { transition } = example
  if (!isWeighable(example)) {
    through.push(example)
    return
  }
  if (state.options.positions) state.positions.count(transition)
  // what every decision earns once counts like the decision
  const { [LEAST]: _, ...delta } = transition.delta
  if (transition.kind !== 'initial') through.push(example)
  else if (Object.keys(delta).length > 0)
    through.push({ ...example, transition: { ...transition, kind: 'reward', delta } })
  const known = state.waiting.get(transition.transition_id)
  const row = known ?? rowOf(state, example)
  if (transition.kind === 'initial') row.initial = true
  row.inactive = transition.examined === 'no'
  noteRewards(state, row, transition)
  if (row.initial && !row.inactive && !row.begun) begin(state, row, transition, counted)
  // an old decision counts whole as it comes, and need not wait
  if (!known && state.nowMs - row.timeMs >= state.options.windowMs) return
  if (!known) state.waiting.put(row)
  state.changed.set(rowName(row), row)
}

/** The others are refused by the learner behind, for its own reasons. */
const isWeighable = ({ transition: { slot, action, weight, delta }, state }: Example): boolean =>
  slot >= 0 &&
  action.length === 1 &&
  weight >= 0 &&
  Number.isFinite(weight) &&
  isFiniteArray(state) &&
  isFiniteArray(Object.values(delta))

function rowOf(state: State, { transition, state: encoded }: Example): Row {
  const { transition_id: id, action, decision_time_ms: timeMs, weight } = transition
  const bucket = Math.min(bucketOf(state.nowMs - timeMs), lastBucket(state))
  const flags = { initial: false, begun: false, inactive: false }
  return {
    id,
    itemId: action[0],
    timeMs,
    weight,
    ...flags,
    counted: 0,
    bucket,
    firsts: state.types.map(() => -1),
    state: encoded,
  }
}

const lastBucket = ({ options }: State): number => bucketOf(options.windowMs)

/** A default reward, that no outcome brought, says nothing about delays. */
function noteRewards(state: State, row: Row, { delta, reward_time_ms: rewardMs }: LearnedTransition): void {
  if (rewardMs === null) return
  state.types.forEach((type, t) => {
    const change = delta[type] ?? 0
    if (change === 0) return
    state.delays.addMass(type, Math.abs(change))
    const bucket = bucketOf(rewardMs - row.timeMs)
    if (bucket > lastBucket(state) || (row.firsts[t] >= 0 && row.firsts[t] <= bucket)) return
    if (row.begun) state.delays.count(type, lifeOf(row, t), -1)
    row.firsts[t] = bucket
    if (row.begun) state.delays.count(type, lifeOf(row, t), 1)
  })
}

const lifeOf = ({ bucket, firsts }: Row, type: number) => ({
  reached: bucket,
  first: firsts[type] >= 0 && firsts[type] <= bucket ? firsts[type] : undefined,
})

function countLives(state: State, row: Row, sign: 1 | -1): void {
  state.types.forEach((type, t) => {
    state.delays.count(type, lifeOf(row, t), sign)
  })
}

function begin(state: State, row: Row, { slot }: LearnedTransition, counted: Example[]): void {
  row.begun = true
  if (state.options.positions) row.weight *= state.positions.examination(slot)
  countLives(state, row, 1)
  countPart(state, row, state.delays.maturity(state.nowMs - row.timeMs), counted)
}

/** Moves a row to the bucket of its age. */
function grow(state: State, row: Row, counted: Example[]): void {
  const ageMs = state.nowMs - row.timeMs
  if (row.begun) countLives(state, row, -1)
  row.bucket = Math.min(bucketOf(ageMs), lastBucket(state))
  if (row.begun) countLives(state, row, 1)
  if (ageMs >= state.options.windowMs) {
    finish(state, row, counted)
    return
  }
  if (row.begun) countPart(state, row, state.delays.maturity(ageMs), counted)
  state.waiting.put(row)
  state.changed.set(rowName(row), row)
}

function finish(state: State, row: Row, counted: Example[]): void {
  if (row.begun) countPart(state, row, 1, counted)
  state.waiting.drop(row)
  state.changed.set(rowName(row), undefined)
}

function countPart({ options }: State, row: Row, maturity: number, counted: Example[]): void {
  const part = maturity - row.counted
  if (part < STEP && !(maturity === 1 && part > 0)) return
  counted.push(partOf(row, part * row.weight, options.ranged ? { [LEAST]: 1 } : {}))
  row.counted = maturity
}

/** The revision that says: so much more of this decision counts. */
const partOf = (
  { id, itemId, timeMs, state }: Row,
  weight: number,
  earned: Readonly<Record<string, number>>,
): Example =>
  revisionOf({ transitionId: id, itemId, kind: 'initial', timeMs, weight, delta: earned, cumulative: earned }, state)

function snapshot(state: State, version: string, full: boolean): Checkpoint {
  const checkpoint = state.inner.snapshot(version, full)
  const rows =
    checkpoint.baseVersion === null
      ? Array.from(state.waiting.rows(), encodeRow)
      : Array.from(state.changed, ([name, row]) => (row ? encodeRow(row) : removedTensor(name)))
  state.changed.clear()
  return {
    ...checkpoint,
    parameters: {
      ...checkpoint.parameters,
      weighing_now_ms: state.nowMs,
      waiting_overflowed: state.overflowed,
      ...Object.fromEntries(state.types.map((type, t) => [TYPE + type, t])),
    },
    tensors: [...checkpoint.tensors, ...rows, ...state.delays.encode(), ...state.positions.encode()],
  }
}

/** A checkpoint that was learned without weighing goes on: nothing waits, nothing is known of delays. */
function restore(state: State, model: ModelVersion): void {
  state.inner.restore(model)
  state.nowMs = model.parameters.weighing_now_ms ?? 0
  state.overflowed = model.parameters.waiting_overflowed ?? 0
  state.delays = createDelays(state.options)
  state.delays.add(model.tensors)
  state.positions = createPositions()
  state.positions.add(model.tensors)
  state.waiting.clear()
  state.changed.clear()
  for (const row of model.tensors.filter(isRow).map(decodeRow)) state.waiting.put(withTypes(state, row, model))
}

/** The row under the reward types of now: of a type that is new, nothing was seen so far. */
function withTypes(state: State, row: Row, { parameters }: ModelVersion): Row {
  const before = state.types.map(type => parameters[TYPE + type])
  const now = { ...row, firsts: before.map(t => (t === undefined ? -1 : row.firsts[t])) }
  before.forEach((known, t) => {
    if (known === undefined && now.begun) state.delays.count(state.types[t], lifeOf(now, t), 1)
  })
  return now
}
