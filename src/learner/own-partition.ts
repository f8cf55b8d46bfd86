/**
 * Policies are told apart by their place: partition i of `models` is that of the i-th of `policies`, the heartbeats' behind
 * all others. So the newest version of a partition must not be that of another policy of the same configuration: the order
 * was changed, and each would go on from what the other one learned. A name that the configuration does not have is that of
 * a policy which was named anew; the heartbeats' is passed over likewise.
 */
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { HEARTBEAT } from '../heartbeat.ts'

type Policies = { readonly policies: readonly Pick<Config['policies'][number], 'name'>[] }

/** @param newest policy of the newest version in the partition; undefined: it has none
 * @throws FeedloopError MODEL_INCOMPATIBLE when it is another one of the configuration */
export function assertOwnPartition({ policies }: Policies, partition: number, newest: string | undefined): void {
  const own = policies[partition]?.name
  if (newest === undefined || newest === own || newest === HEARTBEAT) return
  if (!policies.some(({ name }) => name === newest)) return
  throw new FeedloopError(
    'MODEL_INCOMPATIBLE',
    `partition ${partition} of models holds versions of \`${newest}\`, and ${own} stands there in \`policies\`, whose order must ` +
      'stay as it was: restore it. A policy that begins anew takes a name that no other has',
  )
}
