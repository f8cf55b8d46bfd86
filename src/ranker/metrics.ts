/** What one step of the ranker counts. Summed here, so that a step of a thousand decisions reports a few counts. What
 * depends on a decision's own times is observed once the step is accepted. */
import type { Recommendation } from '../../schemas/records.ts'
import { HEARTBEAT } from '../heartbeat.ts'
import type { MetricName } from '../metric-table.ts'
import type { Meter } from '../metrics.ts'
import type { Count, Output } from '../stage.ts'
import { idOfDecision } from '../tracing/records.ts'
import type { TraceOf } from '../tracing/tracer.ts'
import type { Coverage } from './coverage.ts'
import type { Decision } from './decide.ts'
import { binOf, entropyOf, firstDrawOf, isSampled } from './draws.ts'

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
      if (recommendation.shed)
        add('feedloop_requests_shed_total', { answer: recommendation.slots.length > 0 ? 'baseline' : 'empty' })
      addDraw(add, recommendation)
      for (const result of shadowResults(recommendation))
        add('feedloop_shadow_slots_total', { policy: recommendation.policy, result })
      for (const reason of dropped) add('feedloop_candidates_dropped_total', { reason })
      for (const [condition, count] of failed) add('feedloop_conditions_failed_total', { condition }, count)
    },
    counts: () => [...totals.values()],
  }
}

function addDraw(add: Tally['add'], decision: Recommendation): void {
  const { policy } = decision
  const draw = firstDrawOf(decision)
  if (draw === undefined) return
  const bin = binOf(draw.greatest)
  add('feedloop_draws_total', { policy, bin, drawn: draw.likeliest ? 'likeliest' : 'other' })
  add('feedloop_draws_expected_total', { policy, bin }, draw.greatest)
  if (!isSampled(decision)) return
  const { entropy, limit } = entropyOf(decision.first_slot_probabilities)
  add('feedloop_draw_entropy_nats_total', { policy }, entropy)
  add('feedloop_draw_entropy_limit_nats_total', { policy }, limit)
}

const labelsOf = ({ mode, chosen_by }: Recommendation) => ({ mode, chosen_by })

/** What became of each item that the policy would have shown. */
const shadowResults = ({ shadow_slate: shadow, slots }: Recommendation): readonly string[] =>
  (shadow ?? []).map((itemId, position) => {
    if (slots[position]?.item_id === itemId) return 'same'
    return slots.some(slot => slot.item_id === itemId) ? 'elsewhere' : 'absent'
  })

/** Rates and increases need a first sample before the first event. */
export function showNoneShed(meter: Meter): void {
  for (const answer of ['baseline', 'empty']) meter.add('feedloop_requests_shed_total', { answer }, 0)
}

/** Decisions of an accepted step. */
export function observeDecisions(
  meter: Meter,
  coverage: Coverage,
  outputs: readonly Output[],
  traceOf?: TraceOf,
): void {
  let items: number | undefined
  for (const { value } of outputs) {
    const { decision_id: id, policy, request_time_ms: askedMs, decision_time_ms: decidedMs } = value as Recommendation
    meter.observe('feedloop_decision_seconds', {}, Math.max(0, decidedMs - askedMs) / 1000, traceOf?.(idOfDecision(id)))
    // Nobody is shown a heartbeat's.
    if (policy !== HEARTBEAT) items = coverage.show(value as Recommendation, decidedMs)
  }
  if (items !== undefined) meter.set('feedloop_catalogue_shown_items', {}, items)
}

/** Of a partition that this process has no more. */
export function forgetGauges(meter: Meter, partition: number): void {
  for (const name of [
    'feedloop_heartbeat_timestamp_seconds',
    'feedloop_snapshots_waiting',
    'feedloop_snapshot_load_progress',
  ] as const)
    meter.remove(name, { partition: String(partition) })
}
