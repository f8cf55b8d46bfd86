/** What learning counts: revisions learned and refused, and the statistics that the last of several steps gave. */
import type { Count } from '../stage.ts'
import type { LearnStats } from './learner.ts'

export const none: LearnStats = { learned: 0, refused: {}, stats: {} }

type ByReason = Readonly<Record<string, number>>

function sum(some: ByReason, more: ByReason): ByReason {
  const both = { ...some }
  for (const [reason, count] of Object.entries(more)) if (count > 0) both[reason] = (both[reason] ?? 0) + count
  return both
}

export const withRefused = (stats: LearnStats, more: ByReason): LearnStats => ({
  ...stats,
  refused: sum(stats.refused, more),
})

/** Both counts, and of the statistics the later ones. */
export const plus = (before: LearnStats, after: LearnStats): LearnStats => ({
  learned: before.learned + after.learned,
  refused: sum(before.refused, after.refused),
  dropped: sum(before.dropped ?? {}, after.dropped ?? {}),
  stats: { ...before.stats, ...after.stats },
})

/** What was not learned, by reason: revisions refused, and transitions dropped after they had been taken. */
export const unlearned = ({ refused, dropped = {} }: LearnStats): ByReason => sum(refused, dropped)

export function countsOf(policy: string, stats: LearnStats): Count[] {
  const { learned, refused } = stats
  const late = refused.late_unlearned ?? 0
  const all = Object.values(refused).reduce((total, count) => total + count, 0)
  const results = { learned, refused: all - late, late_unlearned: late }
  return [
    ...Object.entries(results).map(([result, value]) => ({
      metric: 'feedloop_learned_total',
      labels: { policy, result },
      value,
    })),
    ...Object.entries(unlearned(stats)).map(([reason, value]) => ({
      metric: 'feedloop_learner_refused_total',
      labels: { policy, reason },
      value,
    })),
  ].filter(count => count.value > 0)
}
