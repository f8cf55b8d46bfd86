/** Sends heartbeats (src/heartbeat.ts): to every partition at once, again and again. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelVersion } from '../../schemas/records.ts'
import { HEARTBEAT, heartbeat, heartbeatUser } from '../heartbeat.ts'
import { type TopicName, topicName } from '../pipeline.ts'
import { follow } from './broadcast.ts'
import type { ServiceContext } from './context.ts'

/** Within which the first beat should have come back, ms; several beats that are further apart. */
const PATIENCE_MS = 60_000
const PATIENCE_BEATS = 3

/** Sends one beat to each partition. @throws FeedloopError LOG_UNAVAILABLE */
export async function beat({ config, log, wire, meter, now }: ServiceContext): Promise<void> {
  const { prefix, partitions } = config.topics
  const send = (topic: TopicName, partition: number, userId: string, value: unknown) =>
    log.append(topicName(prefix, topic), partition, [{ key: Buffer.from(userId), value: wire.encode(topic, value) }])
  await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const userId = heartbeatUser(partition, partitions)
      const { request, outcome } = heartbeat(userId, randomUUID(), now())
      await send('requests', partition, userId, request)
      await send('events', partition, userId, outcome)
      meter.add('feedloop_heartbeats_sent_total')
    }),
  )
}

/** Beats every `config.heartbeat.everyMs` until the signal; a log that is away is waited for. */
export async function beatUntil(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const { everyMs } = context.config.heartbeat
  while (!signal.aborted) {
    const began = performance.now()
    await beat(context).catch(error => context.logger.warn({ error: String(error) }, 'heartbeat not sent'))
    const restMs = Math.max(0, everyMs - (performance.now() - began))
    await sleep(restMs, undefined, { signal }).catch(() => {})
  }
}

/** Says whether beats come back: the first version that has learned of one of now, or that there was none within `patienceMs`.
 * @returns when it is said, or at the signal @throws what `follow` does */
export async function tellReturn(
  context: ServiceContext,
  signal: AbortSignal,
  patienceMs = Math.max(PATIENCE_MS, PATIENCE_BEATS * context.config.heartbeat.everyMs),
): Promise<void> {
  const { log, config, logger, now } = context
  const beganMs = now()
  const topic = topicName(config.topics.prefix, 'models')
  const partitions = Array.from({ length: await log.partitionCount(topic) }, (_, partition) => partition)
  const ends = await Promise.all(partitions.map(partition => log.ends(topic, partition)))
  const back = Promise.withResolvers<string>()
  const take = ({ policy, newest_reward_ms, version }: ModelVersion): void => {
    if (policy === HEARTBEAT && newest_reward_ms >= beganMs) back.resolve(version)
  }
  const follower = follow<ModelVersion>(context, 'models', take, { from: ends.map(({ latest }) => latest) })
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  try {
    const version = await Promise.race([back.promise, follower.failed, aborted(patience)])
    if (version !== undefined) logger.info(`heartbeats come back: version ${version} of ${HEARTBEAT} learned of one`)
    else if (!signal.aborted)
      logger.warn(
        `no heartbeat has come back in ${patienceMs / 1000} s: features, ranker, joiner and learner must run, with heartbeat.everyMs above 0 as here, and an item be available (docs/runbooks/HeartbeatStale.md)`,
      )
  } finally {
    await follower.stop()
  }
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise(resolve => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
