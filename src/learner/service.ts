/** Wiring of the learner: one task a policy reads the transitions of all partitions and publishes model versions. */
import { join } from 'node:path'
import type { ItemFeatures } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { createFeatureStore } from '../features/store.ts'
import { follow } from '../operate/broadcast.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { checkOrder } from '../operate/policy-order.ts'
import { topicName } from '../pipeline.ts'
import { learnBounds } from './bounds.ts'
import { observeVersions } from './metrics.ts'
import { openKeeper } from './replay/disk.ts'
import type { Keeper } from './replay/keeper.ts'
import { createLearnerStage } from './step.ts'
import { readWarmStart } from './warm-start-file.ts'
import { learnersWire } from './wire.ts'

/** So that a read is worth its way. */
const LEAST_READ_BYTES = 64 << 10

export async function runLearner(context: ServiceContext): Promise<Running> {
  const { config, log } = context
  const partitions = await log.partitionCount(topicName(config.topics.prefix, 'transitions'))
  const logs = await Promise.all(config.policies.map(policy => readWarmStart(config, policy, context.now())))
  const features = createFeatureStore()
  const follower = follow<ItemFeatures>(context, 'features', features.put, { drop: features.drop })
  // of all partitions before any of them: who begins in another's would leave a version there that stays
  const abort = new AbortController()
  const { ordered, refused } = checkOrder(context, abort.signal)
  const wire = learnersWire(context.wire, config.policies)
  const prepare = Promise.all([follower.caughtUp, ordered]).then(() => {})
  // who waits for it hears of it; it may be nobody yet
  prepare.catch(() => {})
  return runChainStage(
    { ...context, wire },
    {
      name: 'learner',
      stage: policy => createLearnerStage(config, config.policies[policy], logs[policy], replayOf(config, policy)),
      assigned: ['models'],
      inputs: () =>
        Array.from({ length: partitions }, (_, partition) => ({ topic: 'transitions' as const, partition })),
      view: () => ({ features, caughtUp: true }),
      // every vector that a transition names was in the log before it: read up to there, then step
      before: follower.catchUp,
      step: policy => stepOf(config, policy, partitions),
      observe: step => observeVersions(context.meter, step, context.now(), context.tracer?.traceOf('learner')),
      prepare,
      alongside: [follower.failed, refused],
      async release() {
        abort.abort()
        await follower.stop()
      },
    },
  )
}

/** Where a policy's transitions for replay are kept, if its learner keeps any; undefined: there is no folder for them. */
function replayOf({ state, topics }: Config, policy: number): (() => Keeper) | undefined {
  if (state.folder === '') return undefined
  return () => openKeeper(join(state.folder, topics.prefix, 'learner', String(policy)))
}

/** All partitions together are read ahead as far as one step needs: each for itself would fill the memory. */
export function stepOf({ learner, policies }: Config, policy: number, partitions: number) {
  const { maxRecords, maxBytes, maxIntervalMs } = learnBounds(policies[policy]!)
  const readBytes = Math.max(LEAST_READ_BYTES, Math.floor(maxBytes / partitions))
  return { intervalMs: Math.min(learner.publishMs, maxIntervalMs), maxRecords, maxBytes, readBytes }
}
