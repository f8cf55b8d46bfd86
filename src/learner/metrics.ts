/** What the learner shows of a version that the chain accepted. */
import type { ModelVersion } from '../../schemas/records.ts'
import { HEARTBEAT } from '../heartbeat.ts'
import type { AcceptedStep } from '../log/chain/task.ts'
import type { Meter } from '../metrics.ts'
import { idOfVersion } from '../tracing/records.ts'
import type { TraceOf } from '../tracing/tracer.ts'
import { isLearnerStatistic } from './statistics.ts'

/** @param nowMs time of acceptance, ms since the epoch: what outcomes are as old as */
export function observeVersions(
  meter: Meter,
  { outputs, stepMs }: Pick<AcceptedStep<unknown>, 'outputs' | 'stepMs'>,
  nowMs: number,
  traceOf?: TraceOf,
): void {
  for (const { value } of outputs) {
    const { policy, version, metrics, outcome_times_ms: times } = value as ModelVersion
    meter.set('feedloop_model_version', { stage: 'learner', policy }, Number(version))
    meter.add('feedloop_learner_updates_total', { policy })
    const traceId = traceOf?.(idOfVersion(policy, version))
    meter.observe('feedloop_learner_update_seconds', { policy }, stepMs / 1000, traceId)
    for (const [stat, number] of Object.entries(metrics)) showStatistic(meter, policy, stat, number)
    if (policy === HEARTBEAT) continue
    for (const timeMs of times)
      meter.observe('feedloop_freshness_seconds', { until: 'update' }, Math.max(0, nowMs - timeMs) / 1000, traceId)
  }
}

function showStatistic(meter: Meter, policy: string, stat: string, value: number): void {
  if (!isLearnerStatistic(stat)) return
  const finite = Number.isFinite(value)
  meter.add('feedloop_learner_not_finite_total', { policy, stat }, finite ? 0 : 1)
  if (finite) meter.set('feedloop_learner_stat', { policy, stat }, value)
}
