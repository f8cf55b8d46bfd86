/** Wiring of the learner: one task a policy reads the transitions of all partitions and publishes model versions. */
import type { ItemFeatures } from '../../schemas/records.ts'
import { createFeatureStore } from '../features/store.ts'
import { follow } from '../operate/broadcast.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { topicName } from '../pipeline.ts'
import { observeVersions } from './metrics.ts'
import { createLearnerStage } from './step.ts'
import { readWarmStart } from './warm-start-file.ts'
import { learnersWire } from './wire.ts'

/** A step is a whole publishing interval's worth of transitions, and its output does not grow with them. */
const MAX_RECORDS = 50_000
const MAX_BYTES = 16 << 20

export async function runLearner(context: ServiceContext): Promise<Running> {
  const { config, log } = context
  const partitions = await log.partitionCount(topicName(config.topics.prefix, 'transitions'))
  const logs = await Promise.all(config.policies.map(policy => readWarmStart(config, policy, context.now())))
  const features = createFeatureStore()
  const follower = follow<ItemFeatures>(context, 'features', features.put, { drop: features.drop })
  const wire = learnersWire(context.wire, config.policies)
  return runChainStage(
    { ...context, wire },
    {
      name: 'learner',
      stage: policy => createLearnerStage(config, config.policies[policy], logs[policy]),
      assigned: ['models'],
      inputs: () =>
        Array.from({ length: partitions }, (_, partition) => ({ topic: 'transitions' as const, partition })),
      view: () => ({ features, caughtUp: true }),
      // every vector that a transition names was in the log before it: read up to there, then step
      before: follower.catchUp,
      step: { intervalMs: config.learner.publishMs, maxRecords: MAX_RECORDS, maxBytes: MAX_BYTES },
      observe: step => observeVersions(context.meter, step, context.now()),
      prepare: follower.caughtUp,
      alongside: [follower.failed],
      release: follower.stop,
    },
  )
}
