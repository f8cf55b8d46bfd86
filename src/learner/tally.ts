/** What learning counts: revisions learned and refused, and the statistics that the last of several steps gave. */
import type { Count } from '../stage.ts'
import type { LearnStats } from './learner.ts'

export const none: LearnStats = { learned: 0, refused: {}, stats: {} }

export function withRefused(stats: LearnStats, more: Readonly<Record<string, number>>): LearnStats {
  const refused = { ...stats.refused }
  for (const [reason, count] of Object.entries(more)) if (count > 0) refused[reason] = (refused[reason] ?? 0) + count
  return { ...stats, refused }
}

/** Both counts, and of the statistics the later ones. */
export const plus = (before: LearnStats, after: LearnStats): LearnStats =>
  withRefused(
    { learned: before.learned + after.learned, refused: before.refused, stats: { ...before.stats, ...after.stats } },
    after.refused,
  )

export function countsOf(policy: string, { learned, refused }: LearnStats): Count[] {
  const late = refused.late_unlearned ?? 0
  const all = Object.values(refused).reduce((sum, count) => sum + count, 0)
  const results = { learned, refused: all - late, late_unlearned: late }
  return [
    ...Object.entries(results).map(([result, value]) => ({
      metric: 'feedloop_learned_total',
      labels: { policy, result },
      value,
    })),
    ...Object.entries(refused).map(([reason, value]) => ({
      metric: 'feedloop_learner_refused_total',
      labels: { policy, reason },
      value,
    })),
  ].filter(count => count.value > 0)
}
