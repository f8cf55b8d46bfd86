/** What the joiner shows of a step that the chain accepted. */
import type { Transition } from '../../schemas/records.ts'
import { HEARTBEAT } from '../heartbeat.ts'
import type { AcceptedStep } from '../log/chain/task.ts'
import type { Meter } from '../metrics.ts'
import type { Output } from '../stage.ts'
import { idOfDecision } from '../tracing/records.ts'
import type { TraceOf } from '../tracing/tracer.ts'
import type { JoinerState } from './state.ts'
import { SLATE } from './transition.ts'

type Step = Pick<AcceptedStep<Pick<JoinerState, 'joins'>>, 'outputs' | 'state'>

/** Revisions that say how old an outcome is. That of a slate's slot is in the revision of the whole slate too and counts
 * there no second time, and a heartbeat's is nobody's. */
export function isTimed({ value }: Output): boolean {
  const { policy, kind, slot, reward_time_ms: timeMs } = value as Transition
  return kind === 'reward' && slot !== SLATE && timeMs !== null && policy !== HEARTBEAT
}

/** Open joins of the partition, and the age of outcomes at `nowMs`. @param step with outputs that are timed */
export function observeJoins(
  meter: Meter,
  { outputs, state }: Step,
  partition: number,
  nowMs: number,
  traceOf?: TraceOf,
): void {
  meter.set('feedloop_open_joins', { partition: String(partition) }, state.joins.size)
  for (const { value } of outputs) {
    const { decision_id: id, reward_time_ms: timeMs } = value as Transition
    const seconds = Math.max(0, nowMs - timeMs!) / 1000
    meter.observe('feedloop_freshness_seconds', { until: 'transition' }, seconds, traceOf?.(idOfDecision(id)))
  }
}
