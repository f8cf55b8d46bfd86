/** Sends heartbeats (src/heartbeat.ts): to every partition at once, again and again. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Release } from '../../schemas/records.ts'
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

/** Says once that beats come back: the gate judged a version of their policy, so each stage had a part in it. Says before, should
 * it take longer than `patienceMs`, that none has.
 * @returns when it is said, or at the signal @throws what `follow` does */
export async function tellReturn(
  context: ServiceContext,
  signal: AbortSignal,
  patienceMs = Math.max(PATIENCE_MS, PATIENCE_BEATS * context.config.heartbeat.everyMs),
): Promise<void> {
  const { log, config, logger } = context
  const { latest } = await log.ends(topicName(config.topics.prefix, 'releases'), 0)
  const back = Promise.withResolvers<void>()
  const take = ({ policy }: Release): void => {
    if (policy === HEARTBEAT) back.resolve()
  }
  const follower = follow<Release>(context, 'releases', take, { from: [latest] })
  const none = `no heartbeat has come back in ${patienceMs / 1000} s: all stages must run, with heartbeat.everyMs above 0 as here (docs/runbooks/HeartbeatStale.md)`
  const timer = setTimeout(() => logger.warn(none), patienceMs)
  try {
    const said = back.promise.then(() => logger.info('heartbeats come back: each stage had a part in one'))
    await Promise.race([said, follower.failed, signal.aborted || once(signal, 'abort')])
  } finally {
    clearTimeout(timer)
    await follower.stop()
  }
}
