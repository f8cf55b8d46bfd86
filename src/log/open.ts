/**
 * Where the bus comes from, and why: brokers that are named, else a Docker engine, else Java with Maven, else, for the
 * demo alone, the log in this process. Real brokers are never replaced by the embedded log behind anybody's back.
 */
import type { Logger } from 'pino'
import { FeedloopError, isCode } from '../errors.ts'
import { openEmbeddedLog } from './embedded/embedded.ts'
import type { RunningBroker } from './kafka/broker/local.ts'
import { namedBrokers, startFirst } from './kafka/broker/ways.ts'
import type { Log } from './log.ts'

export interface BusOptions {
  /** `auto`: Kafka if it can be had, else embedded (the demo). `kafka`: Kafka or an error. */
  readonly kind: 'auto' | 'kafka' | 'embedded'
  readonly logger: Logger
  readonly clientId?: string
  /** How long to wait for a first answer of named brokers. */
  readonly firstContactMs?: number
  /** A broker that is started for it will work for many minutes: as fast as it gets, not as soon as it can (javaFlags in kafka/broker/local.ts). */
  readonly lasting?: boolean
}

export interface Bus {
  readonly log: Log
  /** Where it runs and why there, for people. */
  readonly place: string
  /** Absent for the embedded log. */
  readonly brokers?: readonly string[]
  /** Closes the log and stops what was started for it. */
  stop(): Promise<void>
}

/** Finds or starts the bus, and logs the choice with its reason.
 * @throws FeedloopError BUS_UNAVAILABLE with what was tried; LOG_UNAVAILABLE when KAFKA_BROKERS do not answer */
export async function findBus(options: BusOptions): Promise<Bus> {
  const { kind, logger, lasting } = options
  if (kind === 'embedded') return announce(embedded('as asked'), logger)
  const named = namedBrokers()
  if (named)
    return announce(await onKafka({ brokers: named, stop: async () => {} }, 'from KAFKA_BROKERS', options), logger)
  try {
    const { started, because } = await startFirst({
      docker: async () => (await import('./kafka/broker/docker.ts')).startDockerBroker({ logger }),
      java: async () => (await import('./kafka/broker/local.ts')).startLocalBroker({ logger, lasting }),
    })
    return announce(await onKafka(started, because, options), logger)
  } catch (error) {
    if (!isCode(error, 'BUS_UNAVAILABLE')) throw error
    const tried = `KAFKA_BROKERS is not set; ${(error as FeedloopError).message.replace(/^BUS_UNAVAILABLE: /, '')}`
    if (kind === 'auto') return announce(embedded(tried), logger)
    throw new FeedloopError(
      'BUS_UNAVAILABLE',
      `${tried}. Set KAFKA_BROKERS=host:port, start a Docker engine, or install Java 17 (JDK) and Maven.`,
    )
  }
}

function announce(bus: Bus, logger: Logger): Bus {
  logger.info({ place: bus.place }, 'bus')
  return bus
}

function embedded(because: string): Bus {
  const log = openEmbeddedLog()
  return { log, place: `embedded log in this process (${because})`, stop: () => log.close() }
}

async function onKafka(broker: RunningBroker, because: string, options: BusOptions): Promise<Bus> {
  const { clientId = 'feedloop', logger, firstContactMs } = options
  const { brokers } = broker
  const { openKafkaLog } = await import('./kafka/kafka.ts')
  try {
    const log = await openKafkaLog({ brokers, clientId, logger, firstContactMs })
    const stop = async () => {
      await log.close()
      await broker.stop()
    }
    return { log, place: `Kafka at ${brokers.join(',')} (${because})`, brokers, stop }
  } catch (error) {
    await broker.stop()
    throw error
  }
}
