/**
 * A decision of the log, explained anew: from its own record, the model version that scored it, the vectors that it names,
 * and the releases; and what came of it, from its transitions (joined.ts). What the ranker wrote into the record itself (`explain` of the request) is taken as it is.
 */
import type { Explanation, ItemFeatures, Recommendation, Release } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { createFeatureStore, type FeatureStore } from '../features/store.ts'
import { createEarlier } from '../gateway/earlier.ts'
import { partitionFor } from '../log/partition.ts'
import { loadPolicy } from '../models/load.ts'
import type { Policy } from '../models/policy.ts'
import { findVersion } from '../models/start.ts'
import { hasPassed } from '../models/traffic.ts'
import { follow } from '../operate/broadcast.ts'
import type { ServiceContext } from '../operate/context.ts'
import { createExplain } from '../ranker/explain.ts'
import { initialScorer } from '../ranker/initial.ts'
import { createStateEncoder } from '../state/encode.ts'
import { type AuditSource, decoded, readChain } from './audit/read.ts'
import { type Joined, joinedOf } from './joined.ts'

export interface ExplainedDecision {
  readonly decision: Recommendation
  /** Null: nothing was scored. */
  readonly explanation: Explanation | null
  /** In force then; null: none, or it is not in the log (any more). */
  readonly release: Release | null
  readonly joined: Joined
}

/** @param userId of the decision, where known: then one partition is read instead of all
 * @throws FeedloopError DATA_MISSING for what is not in the log (any more), MODEL_INCOMPATIBLE under another configuration */
export async function explainDecision(
  context: ServiceContext,
  decisionId: string,
  userId?: string,
): Promise<ExplainedDecision> {
  const decision = await findDecision(context, decisionId, userId)
  if (!decision) throw new FeedloopError('DATA_MISSING', `decision ${decisionId} is not in recommendations (any more)`)
  const releases = await releasesOf(context, decision)
  const release = releases.find(each => each.release_version === decision.release_version) ?? null
  const joined = await joinedOf(context, decision)
  if (decision.explanation !== null || decision.first_slot_probabilities.length === 0)
    return { decision, explanation: decision.explanation, release, joined }
  const evidence = releases.find(each => hasPassed(each) && each.evidence.version === decision.model_version)?.evidence
  return { decision, explanation: await explainAnew(context, decision, evidence ?? {}), release, joined }
}

const sourceOf = (context: ServiceContext): AuditSource => ({ ...context, prefix: context.config.topics.prefix })

/** The last of that id: ids are unique as long as the ranker remembers them. */
async function findDecision(context: ServiceContext, id: string, userId?: string): Promise<Recommendation | null> {
  const { partitions } = context.config.topics
  const all =
    userId === undefined ? Array.from({ length: partitions }, (_, p) => p) : [partitionFor(userId, partitions)]
  const narrow = context.wire.narrowed?.({ recommendations: ['decision_id'] }, []) ?? context.wire
  const source = sourceOf(context)
  let found: Recommendation | null = null
  for (const partition of all)
    await readChain(source, 'recommendations', partition, async record => {
      const head = await decoded<Pick<Recommendation, 'decision_id'>>(
        { ...source, wire: narrow },
        'recommendations',
        record,
      )
      if (head?.decision_id === id) found = await decoded<Recommendation>(source, 'recommendations', record)
    })
  return found
}

async function releasesOf(context: ServiceContext, { policy }: Recommendation): Promise<readonly Release[]> {
  const source = sourceOf(context)
  const releases: Release[] = []
  await readChain(source, 'releases', 0, async record => {
    const release = await decoded<Release>(source, 'releases', record)
    if (release?.policy === policy) releases.push(release)
  })
  return releases
}

/** @returns null where the scores are no numbers
 * @throws as `explainDecision` */
export async function explainAnew(
  context: ServiceContext,
  decision: Recommendation,
  evidence: Release['evidence'],
): Promise<Explanation | null> {
  const encoder = createStateEncoder(context.config)
  if (decision.encoder_version !== encoder.version)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `${decision.decision_id} was encoded by ${decision.encoder_version}, configured is ${encoder.version}`,
    )
  const policy = await policyOf(context, decision)
  const { vector: lookup } = await catalogueOf(context)
  const zeros = new Float32Array(context.config.features.dimensions)
  const scored = decision.candidates.filter(({ source }) => source !== 'baseline')
  const vectors = {
    itemIds: scored.map(({ item_id }) => item_id),
    vectors: scored.map(({ item_id, feature_version: version }) => lookup(item_id, version) ?? zeros),
  }
  const request = policy ? null : await requestOf(context, decision)
  const scorer = policy
    ? policy.scorer(encoder.encode(decision.state, lookup), vectors)
    : request && initialScorer(request, vectors.itemIds)
  if (!scorer)
    throw new FeedloopError('DATA_MISSING', `the request of ${decision.decision_id} is not in requests (any more)`)
  return createExplain(context.config)({
    policy,
    snapshot: decision.state,
    lookup,
    vectors,
    mean: scorer.mean,
    slots: decision.slots,
    masked: decision.constraints.masked,
    firstSlotProbabilities: decision.first_slot_probabilities,
    chosen: decision.chosen_by === 'policy',
    evidence,
  })
}

/** The initial policy goes by the caller's order. */
const requestOf = ({ log, wire, config: { topics }, now }: ServiceContext, decision: Recommendation) =>
  createEarlier(log, wire, topics.prefix, now).request(decision, partitionFor(decision.user_id, topics.partitions))

async function policyOf(
  context: ServiceContext,
  { policy: name, model_version: version }: Recommendation,
): Promise<Policy | null> {
  const policy = context.config.policies.find(each => each.name === name)
  if (!policy) throw new FeedloopError('MODEL_INCOMPATIBLE', `policy ${name} is not configured`)
  if (version === '') return null
  const model = await findVersion(context, name, version)
  if (!model) throw new FeedloopError('DATA_MISSING', `version ${version} of ${name} is not in models (any more)`)
  return loadPolicy(model, policy)
}

async function catalogueOf(context: ServiceContext): Promise<FeatureStore> {
  const features = createFeatureStore()
  const follower = follow<ItemFeatures>(context, 'features', features.put)
  try {
    await follower.caughtUp
    return features
  } finally {
    await follower.stop()
  }
}
