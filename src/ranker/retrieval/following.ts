/**
 * Items follow what serves most of the users, between steps and a little at a time: a million of them take towers some ten seconds of CPU to place,
 * and nothing waits for that but the first start.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Config, PolicyConfig } from '../../config.ts'
import type { FeatureStore } from '../../features/store.ts'
import type { Meter } from '../../metrics.ts'
import type { Policy } from '../../models/policy.ts'
import { createStateEncoder } from '../../state/encode.ts'
import { createOrder, maxFromCatalogue } from '../candidates.ts'
import { indexOf } from './catalogue-index.ts'

export interface Following {
  /** Resolves when every item has a place, or `signal` aborts. */
  first(signal: AbortSignal): Promise<void>
  /** Works for a slice of time, a tenth of what passes until the next. */
  slice(): void
}

export const SLICE_EVERY_MS = 10
const SLICE_MS = 1
/** Items between two looks at the clock. */
const ITEMS = 32

/** @param answering versions, that of the largest share first: of those that order items the first is followed */
export function createFollowing(
  config: Config,
  features: FeatureStore,
  answering: (policy: PolicyConfig) => readonly (Policy | null)[],
  meter: Meter,
): Following {
  const orderOf = createOrder(createStateEncoder(config))
  // Made before the catalogue is read, each item is filtered as it comes.
  const indexes = config.policies.map(policy => ({ policy, index: indexOf(features, policy) }))
  const work = (): boolean => {
    const untilMs = performance.now() + SLICE_MS
    for (const { policy, index } of indexes) {
      const retrievals = answering(policy).map(version => orderOf(policy.candidates, version))
      const retrieval = retrievals.find(each => each !== undefined)
      if (retrieval && index.eligible.size > maxFromCatalogue(config, policy))
        do index.follow(retrieval, ITEMS)
        while (index.behind > 0 && performance.now() < untilMs)
      meter.set('feedloop_retrieval_behind_items', { policy: policy.name }, index.behind)
    }
    return indexes.some(({ index }) => index.behind > 0)
  }
  return {
    async first(signal) {
      while (!signal.aborted && work()) await turn()
    },
    slice: () => void work(),
  }
}
