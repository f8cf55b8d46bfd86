/** What one step of the ranker counts. Summed here, so that a step of a thousand decisions reports a few counts. What
 * depends on a decision's own times is observed once the step is accepted. */
import type { Recommendation } from '../../schemas/records.ts'
import type { Meter, MetricName } from '../metrics.ts'
import type { Count, Output } from '../stage.ts'
import type { Decision } from './decide.ts'

export interface Tally {
  add(metric: MetricName, labels?: Readonly<Record<string, string>>, value?: number): void
  decided(decision: Decision): void
  counts(): readonly Count[]
}

export function createTally(): Tally {
  const totals = new Map<string, Count>()
  const add: Tally['add'] = (metric, labels = {}, value = 1) => {
    const key = `${metric} ${Object.values(labels).join(' ')}`
    totals.set(key, { metric, labels, value: (totals.get(key)?.value ?? 0) + value })
  }
  return {
    add,
    decided({ recommendation, dropped, failed }) {
      add('feedloop_decisions_total', labelsOf(recommendation))
      if (recommendation.slots.length === 0)
        add('feedloop_requests_unanswerable_total', { reason: recommendation.reason })
      for (const reason of dropped) add('feedloop_candidates_dropped_total', { reason })
      for (const [condition, count] of failed) add('feedloop_conditions_failed_total', { condition }, count)
    },
    counts: () => [...totals.values()],
  }
}

const labelsOf = ({ mode, chosen_by }: Recommendation) => ({ mode, chosen_by })

/** Decisions of an accepted step. */
export function observeDecisions(meter: Meter, outputs: readonly Output[]): void {
  for (const { value } of outputs) {
    const { request_time_ms: askedMs, decision_time_ms: decidedMs } = value as Recommendation
    meter.observe('feedloop_decision_seconds', {}, Math.max(0, decidedMs - askedMs) / 1000)
  }
}
