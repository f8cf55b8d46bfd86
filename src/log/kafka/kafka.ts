/**
 * The log on Kafka, put together from its parts: append.ts, fetch.ts, topics.ts, group.ts, over node.ts and router.ts.
 * Short failures of brokers pass unseen (retry.ts); the outcome of an append that was sent is never guessed.
 */
import type { KafkaConfig } from 'kafkajs'
import type { Logger } from 'pino'
import { FeedloopError } from '../../errors.ts'
import type { Meter } from '../../metrics.ts'
import { brokerAddress } from '../../security.ts'
import type { Log, Membership } from '../log.ts'
import { createAppend } from './append.ts'
import { createRead } from './fetch.ts'
import { joinGroup } from './group.ts'
import { createSocketFactory, kafkajs, logCreator } from './kafkajs.ts'
import type { Address } from './node.ts'
import { persist } from './retry.ts'
import { createRouter } from './router.ts'
import { committed, createTopics, describeTopics, EARLIEST, LATEST, listOffset } from './topics.ts'
import { turn } from './turn.ts'

export interface KafkaLogOptions {
  /** `host:port` of some brokers of the cluster. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: KafkaConfig['ssl']
  readonly sasl?: KafkaConfig['sasl']
  readonly logger: Logger
  /** Told of every request to a broker; those of the group's membership are kafkajs's own, and not seen. */
  readonly meter?: Meter
  /** How long to wait for a first answer of any broker. */
  readonly firstContactMs?: number
}

const CONNECT_MS = 5000
const REQUEST_MS = 20_000
const FIRST_CONTACT_MS = 10_000

/** Opens the log.
 * @throws FeedloopError LOG_UNAVAILABLE when no broker answers within `firstContactMs`; LOG_UNTRUSTED, LOG_LOGIN_REFUSED */
export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const { brokers, clientId, ssl, sasl, logger, meter, firstContactMs = FIRST_CONTACT_MS } = options
  const common = {
    clientId,
    ssl,
    sasl,
    socketFactory: createSocketFactory(),
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    enforceRequestTimeout: true,
  }
  const kafka = new kafkajs.Kafka({ ...common, brokers: [...brokers], logCreator: logCreator(logger) })
  const router = createRouter({ ...common, logger: kafka.logger(), meter }, brokers.map(toAddress))
  const closing = new AbortController()
  const { signal: closed } = closing
  const memberships = new Set<Membership>()
  const patiently = <T>(call: () => Promise<T>): Promise<T> =>
    closed.aborted ? Promise.reject(new FeedloopError('LOG_UNAVAILABLE', 'the log is closed')) : persist(call, closed)
  const appendBatch = createAppend(router, closed)
  const read = createRead(router, closed)
  const end = (topic: string, partition: number, which: number) => listOffset(router, topic, partition, which)

  const identity = await persist(() => router.clusterId(), closed, firstContactMs).catch(async error => {
    await router.close()
    throw error
  })
  return {
    turn,
    place: `kafka ${brokers.join(',')}`,
    identity,
    append: (topic, partition, records) =>
      records.length > 0 ? appendBatch(topic, partition, records) : patiently(() => end(topic, partition, LATEST)),
    read: (topic, partition, offset, options = {}) => read(topic, partition, offset, options),
    ends: (topic, partition) =>
      patiently(async () => {
        const [earliest, latest] = await Promise.all([EARLIEST, LATEST].map(which => end(topic, partition, which)))
        return { earliest, latest }
      }),
    offsetForTime: (topic, partition, timeMs) =>
      patiently(async () => {
        const found = await end(topic, partition, Math.max(0, Math.floor(timeMs)))
        return found >= 0 ? found : end(topic, partition, LATEST)
      }),
    partitionCount: topic => patiently(async () => (await router.partitions(topic)).length),
    async join(group, topics, handlers) {
      const found = await patiently(() => Promise.all(topics.map(topic => router.partitions(topic))))
      const counts = new Set(found.map(partitions => partitions.length))
      if (counts.size !== 1)
        throw new FeedloopError(
          'TOPIC_MISCONFIGURED',
          `${topics.join(', ')}: partition counts ${[...counts].join(', ')}`,
        )
      const membership = await joinGroup(kafka, router, group, topics, handlers)
      memberships.add(membership)
      return membership
    },
    committed: (group, topic) => patiently(() => committed(router, group, topic)),
    describeTopics: (topics, configKeys) => patiently(() => describeTopics(router, topics, configKeys)),
    createTopics: specs => patiently(() => createTopics(router, specs)),
    async close() {
      if (closed.aborted) return
      await Promise.allSettled([...memberships].map(membership => membership.leave()))
      closing.abort()
      await router.close()
    },
  }
}

function toAddress(broker: string): Address {
  const [, host, port] = brokerAddress.exec(broker) ?? []
  // Not quoted: it may be a URL with a password.
  if (!host) throw new FeedloopError('CONFIG_INVALID', 'a broker is not host:port')
  return { host, port: Number(port) }
}
