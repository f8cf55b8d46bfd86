/** What a reader of a partition is done with, and how far it is behind: metrics of everybody who reads by a group. */
import type { Meter } from '../metrics.ts'

/** A partition of `topic`: by its name on the map, or on the bus where it is not ours. */
export interface LagLabels {
  readonly stage: string
  readonly topic: string
  readonly partition: number
}

export interface Behind {
  readonly records: number
  /** Since when the oldest of them waits, ms. */
  readonly sinceMs: number
  readonly nowMs: number
}

const labelsOf = ({ stage, topic, partition }: LagLabels) => ({ stage, topic, partition: String(partition) })

export function showLag(meter: Meter, of: LagLabels, { records, sinceMs, nowMs }: Behind): void {
  const waitedMs = records === 0 ? 0 : Math.max(0, nowMs - sinceMs)
  meter.set('feedloop_lag_records', labelsOf(of), records)
  meter.set('feedloop_lag_seconds', labelsOf(of), waitedMs / 1000)
}

/** Of the same labels as the lag: of many partitions one may stand still. */
export const countConsumed = (meter: Meter, of: LagLabels, records: number): void =>
  meter.add('feedloop_records_consumed_total', labelsOf(of), records)

/** Of a partition that another member took over. */
export function forgetLag(meter: Meter, of: LagLabels): void {
  meter.remove('feedloop_lag_records', labelsOf(of))
  meter.remove('feedloop_lag_seconds', labelsOf(of))
}
