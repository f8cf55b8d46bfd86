/**
 * Bagged linear-Gaussian learners: M of them, each on its own resampled log (bootstrap.ts), the first on the log as it is. How
 * much they differ says how much the log leaves open, without any assumption on the noise: what the explorer `bagging`
 * chooses by. The first is the linear-Gaussian learner itself, so every explorer of that works over it too. Weights differ
 * between members and so do both A and b: M times the cost in time and memory.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import type { Checkpoint, Example, Learner, LearnStats } from '../learner.ts'
import { createLinearLearner, type LinearLearner, type LinearOptions } from '../linear/learner.ts'
import { copiesOf, dispersionOf } from './bootstrap.ts'
import { BAGGED_LINEAR, joinMembers, splitMembers } from './parts.ts'

/** The learner with its members open to those who serve from them in the same process (src/models/live.ts). */
export interface BaggedLearner extends Learner {
  readonly members: readonly LinearLearner[]
}

/** @param options of each member; a checkpoint holds all, so each may fill its part of it */
export function createBaggedLearner(options: LinearOptions, count: number): BaggedLearner {
  const maxCheckpointBytes = options.maxCheckpointBytes / count
  const members = Array.from({ length: count }, (_, member) =>
    createLinearLearner({ ...options, maxCheckpointBytes, dispersion: dispersionOf(member) }),
  )
  return {
    members,
    algorithm: BAGGED_LINEAR,
    revisions: 'exact',
    usesCandidates: false,
    learn: batch => learn(members, batch),
    snapshot: (version, full) => snapshot(members, version, full),
    restore: model => restore(members, model),
  }
}

/** What is refused, and what is told, is the first member's: it sees everything. */
function learn([first, ...others]: readonly LinearLearner[], batch: readonly Example[]): LearnStats {
  const stats = first.learn(batch)
  others.forEach((member, i) => {
    member.learn(batch.flatMap(example => resampled(example, i + 1)))
  })
  return { ...stats, stats: { ...stats.stats, members: others.length + 1 } }
}

function resampled(example: Example, member: number): Example[] {
  const { transition } = example
  const copies = copiesOf(transition.transition_id, member)
  return copies === 0 ? [] : [{ ...example, transition: { ...transition, weight: copies * transition.weight } }]
}

/** An increment only when every member has one. */
function snapshot(members: readonly LinearLearner[], version: string, full: boolean): Checkpoint {
  const parts = members.map(member => member.snapshot(version, full))
  const mixed = parts.some(part => part.baseVersion !== parts[0].baseVersion)
  return joinMembers(mixed ? members.map(member => member.snapshot(version, true)) : parts)
}

function restore(members: readonly LinearLearner[], model: ModelVersion): void {
  const parts = splitMembers(model)
  if (parts.length !== members.length)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version} has ${parts.length} members, configured are ${members.length}`,
    )
  members.forEach((member, m) => {
    member.restore(parts[m])
  })
}
