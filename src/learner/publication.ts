/**
 * When a version is due, and what it says. Learning and publishing are two things: a learner that steps more often than
 * versions are wanted keeps to itself what it learned in between (quiet steps, src/log/chain/steps.ts), and the next version
 * is the checkpoint of all of it. Who falls in between goes on from the newest version and takes the same inputs again.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import type { Tick } from '../stage.ts'
import type { Example, LearnStats } from './learner.ts'
import { isLearnerStatistic } from './statistics.ts'
import type { LearnerState } from './step.ts'
import { none, plus } from './tally.ts'
import { assertFinite, assertFiniteParameters } from './tensors.ts'
import { createThinned, type Thinned } from './thinned.ts'

/** What came since the newest version. */
export interface Unpublished {
  /** Inputs of anybody's, and when the first of them was taken, ms. */
  inputs: number
  sinceMs: number
  /** Something was told to the learner. */
  toldLearner: boolean
  stats: LearnStats
  /** Of outcomes, ms. */
  readonly outcomeTimesMs: Thinned
}

/** Outcome times that a version lists at most. */
const MAX_OUTCOME_TIMES = 200

export const nothingUnpublished = (): Unpublished => ({
  inputs: 0,
  sinceMs: 0,
  toldLearner: false,
  stats: none,
  outcomeTimesMs: createThinned(MAX_OUTCOME_TIMES),
})

/** Transitions of other policies only change how far a version reaches. So many of them, or so long since the first, are
 * worth one, so that a restart does not read them all again. */
const MAX_UNCONTAINED = 50_000
const MAX_UNCONTAINED_MS = 60_000

const VERSION_DIGITS = 12

export const versionName = (number: number): string => String(number).padStart(VERSION_DIGITS, '0')

/** @param everyMs least time between two versions; 0: each step that learned publishes */
export function isDue({ unpublished, createdMs }: LearnerState, { timeMs }: Tick, everyMs: number): boolean {
  const { inputs, sinceMs, toldLearner } = unpublished
  if (toldLearner) return createdMs === 0 || timeMs - createdMs >= everyMs
  return inputs >= MAX_UNCONTAINED || (inputs > 0 && timeMs - sinceMs >= MAX_UNCONTAINED_MS)
}

/** Notes what the learner was told, and what it made of it. */
export function noteLearned({ unpublished }: LearnerState, stats: LearnStats, examples: readonly Example[]): void {
  unpublished.toldLearner = true
  unpublished.stats = plus(unpublished.stats, stats)
  for (const { transition } of examples)
    if (transition.kind === 'reward' && transition.reward_time_ms !== null)
      unpublished.outcomeTimesMs.add(transition.reward_time_ms)
}

export interface Publication {
  readonly full: boolean
  readonly policy: PolicyConfig
  readonly configHash: string
  readonly tick: Tick
}

/** The next version, of what the learner knows now. @throws FeedloopError MODEL_NOT_FINITE */
export function publish(state: LearnerState, { full, policy, configHash, tick }: Publication) {
  const parent = state.version === 0 ? null : versionName(state.version)
  const version = versionName(++state.version)
  const checkpoint = state.learner.snapshot(version, full)
  assertFinite(version, checkpoint.tensors)
  assertFiniteParameters(version, checkpoint.parameters)
  if (checkpoint.baseVersion === null) state.fullMs = tick.timeMs
  const { stats, outcomeTimesMs } = state.unpublished
  state.createdMs = tick.timeMs
  state.unpublished = nothingUnpublished()
  const metrics = { ...state.statistics, ...stats.stats, learned: stats.learned }
  state.statistics = statisticsOf(metrics)
  const model: ModelVersion = {
    version,
    parent,
    policy: policy.name,
    algorithm: policy.algorithm,
    explorer: policy.explorer.name,
    parameters: checkpoint.parameters,
    config_hash: configHash,
    warm_start: state.warmStart,
    created_ms: tick.timeMs,
    newest_reward_ms: state.newestRewardMs,
    outcome_times_ms: outcomeTimesMs.values(),
    transitions: state.transitions,
    contains: [...state.contains.values()].sort((a, b) => a.partition - b.partition),
    metrics,
    base_version: checkpoint.baseVersion,
    tensors: checkpoint.tensors,
  }
  return { key: policy.name, value: model }
}

/** What a version says of learning that those after it say, too, until they know better; what was no number is said once. */
export const statisticsOf = (metrics: ModelVersion['metrics']): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics).filter(([name, value]) => isLearnerStatistic(name) && Number.isFinite(value)),
  )
