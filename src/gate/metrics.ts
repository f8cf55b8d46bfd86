/** What the gate shows of the releases that the chain accepted. */
import type { Release } from '../../schemas/records.ts'
import type { Meter } from '../metrics.ts'
import type { Output } from '../stage.ts'

export function observeReleases(meter: Meter, outputs: readonly Output[]): void {
  for (const { value } of outputs) {
    const { policy, shares, evidence } = value as Release
    const newest = Math.max(...shares.map(share => Number(share.model_version)))
    meter.set('feedloop_model_version', { stage: 'gate', policy }, newest)
    if (typeof evidence.kl_mean === 'number') meter.set('feedloop_gate_kl_nats', { policy }, evidence.kl_mean)
  }
}
