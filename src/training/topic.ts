/** A policy's transitions as the topics have them: of each the last revision, with all that is known by now. */
import type { ItemFeatures, Transition } from '../../schemas/records.ts'
import { type AuditSource, decoded, readChain, recordsOf } from '../evaluation/audit/read.ts'
import { createFeatureStore } from '../features/store.ts'
import { topicName } from '../pipeline.ts'
import type { Lesson } from './rehearsal.ts'

/** @returns transitions in order of decision time, then id, each as one initial revision; those that name a vector that is gone are left out
 * @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID, LOG_UNAVAILABLE */
export async function readLesson(source: AuditSource, policy: string): Promise<Lesson> {
  const last = new Map<string, Transition>()
  for (const partition of await partitionsOf(source, 'transitions'))
    await readChain(source, 'transitions', partition, async record => {
      const transition = await decoded<Transition>(source, 'transitions', record)
      if (transition?.policy !== policy) return
      const before = last.get(transition.transition_id)
      if (!before || before.revision < transition.revision) last.set(transition.transition_id, transition)
    })
  const features = createFeatureStore()
  for (const partition of await partitionsOf(source, 'features'))
    for await (const record of recordsOf(source, { topic: 'features', partition })) {
      const vector = record.value && (await decoded<ItemFeatures>(source, 'features', record))
      if (vector) features.put(vector)
    }
  const whole = [...last.values()].filter(transition => isKnown(transition, features)).sort(inOrder)
  return { transitions: whole.map(asOne), features }
}

async function partitionsOf({ log, prefix }: AuditSource, topic: 'transitions' | 'features'): Promise<number[]> {
  return [...Array(await log.partitionCount(topicName(prefix, topic))).keys()]
}

const inOrder = (a: Transition, b: Transition): number =>
  a.decision_time_ms - b.decision_time_ms || (a.transition_id < b.transition_id ? -1 : 1)

const asOne = (transition: Transition): Transition => ({
  ...transition,
  revision: 0,
  kind: 'initial',
  delta: transition.cumulative,
})

/** Versions of 0 are of items that have none. */
const isKnown = (
  { candidates, next_candidates, state, next_state }: Transition,
  { vector }: Lesson['features'],
): boolean =>
  [candidates, next_candidates ?? [], state.history, next_state?.history ?? []]
    .flat()
    .every(({ item_id, feature_version }) => feature_version === 0 || vector(item_id, feature_version) !== undefined)
