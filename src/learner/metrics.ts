/** What the learner shows of a version that the chain accepted. */
import type { ModelVersion } from '../../schemas/records.ts'
import type { AcceptedStep } from '../log/chain/task.ts'
import type { Meter } from '../metrics.ts'

/** @param nowMs time of acceptance, ms since the epoch: what outcomes are as old as */
export function observeVersions(
  meter: Meter,
  { outputs, stepMs }: Pick<AcceptedStep<unknown>, 'outputs' | 'stepMs'>,
  nowMs: number,
): void {
  for (const { value } of outputs) {
    const { policy, version, metrics, outcome_times_ms: times } = value as ModelVersion
    meter.set('feedloop_model_version', { policy }, Number(version))
    meter.observe('feedloop_learner_update_seconds', { policy }, stepMs / 1000)
    for (const [stat, number] of Object.entries(metrics)) meter.set('feedloop_learner_stat', { policy, stat }, number)
    for (const timeMs of times)
      meter.observe('feedloop_freshness_seconds', { until: 'update' }, Math.max(0, nowMs - timeMs) / 1000)
  }
}
