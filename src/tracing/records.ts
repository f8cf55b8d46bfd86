/** What of a record a trace needs: by which ids it is found again, and what it was made of. */
import type { StageName, TopicName } from '../pipeline.ts'

/** Fields that are decoded, and no others. */
export const wantedFields = {
  requests: ['request_id'],
  events: ['event_id', 'decision_id', 'user_id', 'item_id', 'type'],
  recommendations: ['decision_id', 'model_version', 'mode'],
  transitions: ['transition_id', 'decision_id', 'revision', 'user_id', 'policy', 'kind', 'action'],
  models: ['policy', 'version'],
  releases: ['policy', 'shares'],
} satisfies Partial<Readonly<Record<TopicName, readonly string[]>>>

// biome-ignore lint/suspicious/noExplicitAny: of any topic, as decoded
export type Fields = Readonly<Record<string, any>>

export const idOfDecision = (decisionId: string): string => `decision ${decisionId}`
export const idOfVersion = (policy: string, version: string): string => `version ${policy} ${version}`

/** Ids under which a record that was read is noted. */
export function idsOf(topic: TopicName, fields: Fields): string[] {
  switch (topic) {
    case 'requests':
      return [idOfDecision(fields.request_id)]
    case 'recommendations':
      return [idOfDecision(fields.decision_id)]
    case 'events':
      return [
        fields.decision_id === null ? `shown ${fields.user_id} ${fields.item_id}` : `outcome ${fields.decision_id}`,
      ]
    case 'transitions':
      return [`learned ${fields.policy}`]
    case 'models':
      return [idOfVersion(fields.policy, fields.version)]
    default:
      return []
  }
}

/** A record that a stage is about to append, as a span. */
export interface Made {
  readonly name: string
  /** Id of what it follows, whose trace it goes on. */
  readonly parent?: string
  /** What it follows is among the links, too. */
  readonly linksParent?: boolean
  /** Ids of what it was joined or learned of; each is linked once. */
  readonly links: readonly string[]
  readonly attributes: Readonly<Record<string, string | number>>
}

export function madeOf(stage: StageName, topic: TopicName, fields: Fields): Made | undefined {
  const none = { links: [] }
  if (stage === 'gateway' && topic === 'requests')
    return { ...none, name: 'append requests', parent: `decision ${fields.request_id}`, attributes: {} }
  if (stage === 'gateway' && topic === 'events') {
    // An activation follows the decision that was delivered.
    const parent =
      fields.type === 'activate' && fields.decision_id ? `decision ${fields.decision_id}` : `event ${fields.event_id}`
    return { ...none, name: 'append events', parent, attributes: { 'feedloop.event_type': fields.type } }
  }
  if (stage === 'ranker' && topic === 'recommendations')
    return {
      ...none,
      name: 'decide',
      parent: `decision ${fields.decision_id}`,
      attributes: { 'feedloop.model_version': String(fields.model_version), 'feedloop.mode': fields.mode },
    }
  if (stage === 'joiner' && topic === 'transitions') {
    return {
      ...none,
      name: 'join',
      parent: `decision ${fields.decision_id}`,
      linksParent: true,
      links: [
        `outcome ${fields.decision_id}`,
        ...fields.action.map((item: string) => `shown ${fields.user_id} ${item}`),
      ],
      attributes: { 'feedloop.revision': fields.revision, 'feedloop.kind': fields.kind },
    }
  }
  if (stage === 'learner' && topic === 'models')
    return {
      ...none,
      name: 'version',
      links: [`learned ${fields.policy}`],
      attributes: { 'feedloop.policy': fields.policy, 'feedloop.model_version': String(fields.version) },
    }
  if (stage === 'gate' && topic === 'releases') {
    const version = String(fields.shares[0]?.model_version)
    return {
      ...none,
      name: 'release',
      parent: `version ${fields.policy} ${version}`,
      attributes: { 'feedloop.policy': fields.policy, 'feedloop.model_version': version },
    }
  }
  return undefined
}
