/** Sends heartbeats (src/heartbeat.ts): to every partition at once, again and again. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { heartbeat, heartbeatUser } from '../heartbeat.ts'
import { type TopicName, topicName } from '../pipeline.ts'
import type { ServiceContext } from './context.ts'

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
