/**
 * Weights of a file as the next version of a policy: the command is a learner for one step (src/operate/one-step.ts). Another learner that
 * runs loses its step and goes on from the imported weights. The gate judges the version like any other.
 */
import { readFileSync, statSync } from 'node:fs'
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { createFeatureStore } from '../../features/store.ts'
import type { ServiceContext } from '../../operate/context.ts'
import { takeOneStep } from '../../operate/one-step.ts'
import { topicName, topics } from '../../pipeline.ts'
import { policyOf } from '../policy.ts'
import { createReplacingStage } from './replacing.ts'
import { decodeSafetensors, type StoredTensors } from './safetensors.ts'

/** @param name of the policy; absent: the first
 * @returns the version, accepted
 * @throws FeedloopError USAGE, DATA_MISSING, SAFETENSORS_INVALID, MODEL_INCOMPATIBLE, MODEL_NOT_FINITE,
 * DEADLINE_EXCEEDED, and what a learner's task throws */
export async function importWeights(
  context: ServiceContext,
  name: string | undefined,
  file: string,
  timeoutMs: number,
): Promise<ModelVersion> {
  const { config, log } = context
  const prefix = config.topics.prefix
  const { policy, partition } = policyOf(config, name)
  const stored = readStored(file)
  const count = await log.partitionCount(topicName(prefix, 'transitions'))
  return takeOneStep({
    task: {
      ...context,
      stage: createReplacingStage(config, policy, stored),
      prefix,
      inputs: Array.from({ length: count }, (_, p) => ({ topic: 'transitions' as const, partition: p })),
      output: { topic: 'models', partition },
      partitions: config.topics.partitions,
      view: () => ({ features: createFeatureStore(), caughtUp: true }),
      // no transition is taken: what is contained stays what the version before contains
      step: { ...config.step, maxRecords: 0 },
      group: `${prefix}learner`,
    },
    find: outputs => outputs[0]?.value as ModelVersion | undefined,
    what: `the weights of ${policy.name} were`,
    timeoutMs,
  })
}

/** What no version could hold is not read. @throws FeedloopError DATA_MISSING, SAFETENSORS_INVALID */
export function readStored(file: string): StoredTensors {
  const most = topics.models.maxBatchBytes
  let bytes: Buffer
  try {
    const { size } = statSync(file)
    if (size > most)
      throw new FeedloopError('SAFETENSORS_INVALID', `${file}: ${size} bytes, a version holds ${most} at most`)
    bytes = readFileSync(file)
  } catch (cause) {
    if (cause instanceof FeedloopError) throw cause
    throw new FeedloopError('DATA_MISSING', `${file}: ${(cause as Error).message}`, { cause })
  }
  return decodeSafetensors(bytes)
}
