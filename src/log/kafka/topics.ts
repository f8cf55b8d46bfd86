/** Topics and offsets of the cluster: made, described, and looked up, through any broker that can answer. */
import { setTimeout as pause } from 'node:timers/promises'
import { FeedloopError } from '../../errors.ts'
import type { Committed, TopicSpec } from '../log.ts'
import { createErrorFromCode } from './kafkajs.ts'
import { answeredError } from './refusals.ts'
import type { Router } from './router.ts'

const TOPIC_RESOURCE = 2
const TOPIC_EXISTS = 36
const TIMED_OUT = new Set([7, 41])
const CREATE_TIMEOUT_MS = 10_000
const LEADERS_PAUSE_MS = 20

const failure = (code: number, detail: string, message?: string | null): FeedloopError => {
  const mayPass = createErrorFromCode(code).retriable || TIMED_OUT.has(code)
  return answeredError(code, detail, mayPass ? 'LOG_UNAVAILABLE' : 'TOPIC_MISCONFIGURED', message)
}

/** Creates those of `specs` that do not exist, and waits until they all have leaders. */
export async function createTopics(router: Router, specs: readonly TopicSpec[]): Promise<void> {
  const names = specs.map(({ topic }) => topic)
  const known = await router.lookUp(names)
  const missing = specs.filter(({ topic }) => !known.has(topic))
  if (missing.length === 0) return
  const topics = missing.map(({ topic, partitions, replicationFactor, config }) => ({
    topic,
    numPartitions: partitions,
    replicationFactor,
    configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
  }))
  const controller = await router.controller()
  const { topicErrors } = await controller.ask<{
    topicErrors: readonly { topic: string; errorCode: number; errorMessage?: string | null }[]
  }>('CreateTopics', { topics, validateOnly: false, timeout: CREATE_TIMEOUT_MS })
  for (const { topic, errorCode, errorMessage } of topicErrors)
    if (errorCode !== 0 && errorCode !== TOPIC_EXISTS) throw failure(errorCode, topic, errorMessage)
  await untilLed(router, names)
}

async function untilLed(router: Router, names: readonly string[]): Promise<void> {
  const giveUpAt = performance.now() + CREATE_TIMEOUT_MS
  for (;;) {
    for (const name of names) router.forget(name)
    const led = await Promise.all(names.map(name => isLed(router, name).catch(() => false)))
    if (led.every(Boolean)) return
    if (performance.now() > giveUpAt) throw new FeedloopError('LOG_UNAVAILABLE', `${names.join(', ')}: no leaders yet`)
    await pause(LEADERS_PAUSE_MS)
  }
}

/** Asks the leaders themselves: metadata names a leader a little before it takes office. */
async function isLed(router: Router, topic: string): Promise<boolean> {
  const partitions = await router.partitions(topic)
  await Promise.all(partitions.map((_, partition) => listOffset(router, topic, partition, LATEST)))
  return true
}

/** Those of `names` that exist, with the effective values of `configKeys`. */
export async function describeTopics(
  router: Router,
  names: readonly string[],
  configKeys: readonly string[],
): Promise<TopicSpec[]> {
  const known = await router.lookUp(names)
  const existing = names.filter(name => known.has(name))
  const configs = configKeys.length > 0 ? await describeConfigs(router, existing, configKeys) : new Map()
  return existing.map(topic => ({
    topic,
    partitions: known.get(topic)!.length,
    replicationFactor: known.get(topic)![0]?.replicas ?? 0,
    config: configs.get(topic) ?? {},
  }))
}

interface ConfigsAnswer {
  readonly resources: readonly {
    readonly resourceName: string
    readonly errorCode: number
    readonly errorMessage: string | null
    readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[]
  }[]
}

async function describeConfigs(router: Router, names: readonly string[], keys: readonly string[]) {
  const configs = new Map<string, Record<string, string>>()
  if (names.length === 0) return configs
  const resources = names.map(name => ({ type: TOPIC_RESOURCE, name, configNames: keys }))
  const answer = await (await router.controller()).ask<ConfigsAnswer>('DescribeConfigs', {
    resources,
    includeSynonyms: false,
  })
  for (const { resourceName, errorCode, errorMessage, configEntries } of answer.resources) {
    if (errorCode !== 0) throw failure(errorCode, resourceName, errorMessage)
    const values = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]))
    const asked = keys.filter(key => values.get(key) != null).map(key => [key, values.get(key)!])
    configs.set(resourceName, Object.fromEntries(asked))
  }
  return configs
}

export const EARLIEST = -2
export const LATEST = -1

interface OffsetsAnswer {
  readonly responses: readonly { readonly partitions: readonly { errorCode: number; offset: string }[] }[]
}

/** The offset at EARLIEST or LATEST, or of the first record at or after a time; -1 when there is none. */
export async function listOffset(router: Router, topic: string, partition: number, timeMs: number): Promise<number> {
  const leader = await router.leader(topic, partition)
  const topics = [{ topic, partitions: [{ partition, timestamp: timeMs }] }]
  const answer = await leader.ask<OffsetsAnswer>('ListOffsets', { topics }).catch(error => {
    router.forget(topic)
    throw error
  })
  const { errorCode, offset } = answer.responses[0].partitions[0]
  if (errorCode === 0) return Number(offset)
  router.forget(topic)
  throw failure(errorCode, `${topic}/${partition}`)
}

interface CommittedAnswer {
  readonly errorCode?: number
  readonly responses: readonly {
    readonly topic: string
    readonly partitions: readonly { partition: number; offset: string; metadata: string | null; errorCode: number }[]
  }[]
}

/** What `group` committed for `topic`. */
export async function committed(router: Router, group: string, topic: string): Promise<Committed[]> {
  const partitions = (await router.partitions(topic)).map((_, partition) => ({ partition }))
  const coordinator = await router.coordinator(group)
  const answer = await coordinator.ask<CommittedAnswer>('OffsetFetch', {
    groupId: group,
    topics: [{ topic, partitions }],
  })
  if (answer.errorCode) throw failure(answer.errorCode, `group ${group}`)
  const found = answer.responses.flatMap(response => response.partitions)
  const failed = found.find(({ errorCode }) => errorCode !== 0)
  if (failed) throw failure(failed.errorCode, `group ${group}, ${topic}/${failed.partition}`)
  return found
    .filter(({ offset }) => Number(offset) >= 0)
    .map(({ partition, offset, metadata }) => ({ topic, partition, offset: Number(offset), metadata: metadata ?? '' }))
}
