/**
 * The contract between the pure stages (ranker, joiner, learner, gate) and the task that runs them (`log/chain/task.ts`).
 *
 * A stage owns one output partition. A *step* takes a range of input records and a tick, writes to an overlay of the
 * state and returns outputs; the task appends them as one batch and commits the overlay only when the chain accepted
 * the batch. After a crash or a lost race the state is brought forward by `fold`, which takes the same inputs *and the
 * outputs that were accepted*: what was emitted is read, never decided again.
 *
 * The law that every stage's tests check: `step(s, i, t, v)` leaves the state exactly as `fold(s, i, outputs, t)`.
 * No I/O, no wall clock, no randomness but seeds from record ids in here.
 */
import type { ErrorCode } from './errors.ts'
import type { Head, StepHeader } from './log/chain/header.ts'
import type { Headers } from './log/log.ts'
import type { TopicName } from './pipeline.ts'

/** One decoded input record. */
export interface Input<T = unknown> {
  readonly topic: TopicName
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: T
  readonly timestampMs: number
  readonly headers: Headers
}

/** What time it is for a step: recorded in the step's header, so that a replay sees the same. */
export interface Tick {
  /** The rim's wall clock when the step began, ms since the epoch. */
  readonly timeMs: number
  /** Event time up to which all inputs are believed to have been seen, ms; -1 while unknown. */
  readonly watermarkMs: number
}

export interface Output<T = unknown> {
  readonly key: string | null
  readonly value: T
  /** Where it stands; absent: it is not in the log yet. */
  readonly offset?: number
}

/** An input record that the step refuses: it goes to the dead letters with the code. */
export interface Refusal {
  readonly input: Input
  readonly code: ErrorCode
  readonly detail: string
}

/** A counter increment, applied once the step is accepted. `metric` names an entry of src/metric-table.ts. */
export interface Count {
  readonly metric: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface StepResult<O = unknown> {
  readonly outputs: readonly Output<O>[]
  readonly refusals: readonly Refusal[]
  readonly counts: readonly Count[]
}

/** An accepted step of a chain: where its batch stands, and what its header says. */
export interface ChainPoint {
  readonly head: Head
  readonly header: StepHeader
}

/** A stage's state for one output partition. */
export interface StageState {
  /** Makes the overlay of the last step permanent. Called after acceptance only. `point`: the step after which this is
   * the state; absent while it is not the state after any (a rebuild that must not be gone on from). */
  commit(point?: ChainPoint): void
  /** Drops the overlay. A state that cannot (a model's weights) leaves it undefined; the task then re-opens it. */
  discard?(): void
  /** A state that outlives its process: the step after which it was this state. Null: it is empty. Recovery checks that
   * the chain has that step, and folds what came after it. */
  readonly openedAt?: ChainPoint | null
  /** Drops everything, because the chain does not have `openedAt` (any more). */
  reset?(reason: 'not_in_chain' | 'behind_retention', detail: string): Promise<void>
  /** True when it is worth more than what the topics still hold: it is gone on from unless the chain contradicts `openedAt`,
   * though retention has cut that step, others after it or some of their inputs, which are then left out. */
  readonly outlives?: boolean
  /** Asked when recovery has folded all there is. True when part of the state claims to contain steps that the chain did not
   * have though it shows all `since` that offset. It is reset then. */
  unproved?(since: number): boolean
  /** Awaited before each step: the state may ask to be let catch up. */
  room?(): Promise<void> | undefined
  /** Bytes that it takes where the process's own metrics do not show them: on disk, or in buffers. */
  bytes?(): number
  /** Called once when the state is not used any more. */
  close?(): Promise<void>
}

/** @typeParam S state @typeParam V what the rim lends a step besides inputs: models, features, releases */
export interface Stage<S extends StageState, V = undefined> {
  readonly name: string
  /** Fingerprints of the configuration that its outputs follow from, by policy; each step's header states them. */
  readonly rules?: Readonly<Record<string, string>>
  /** @param signal aborted when nobody waits for it any more */
  open(partition: number, signal?: AbortSignal): Promise<S> | S
  step(state: S, inputs: readonly Input[], tick: Tick, view: V): StepResult
  fold(state: S, inputs: readonly Input[], outputs: readonly Output[], tick: Tick): void
  /** True when the state has something to do at this tick although no input came (windows to close). */
  due?(state: S, tick: Tick): boolean
  /** `positions-in-output`: the state *is* the last output (a checkpoint), so recovery folds outputs only and does not
   * re-read inputs. Default `inputs-and-outputs`. */
  readonly recovery?: 'inputs-and-outputs' | 'positions-in-output'
  /** With `positions-in-output`: true when nothing before the outputs folded so far could change the state, which then
   * need not be read. Default: never. */
  whole?(state: S): boolean
}
