/**
 * A real Kafka broker in a container, through testcontainers (a development dependency: absent in an installed package).
 * The broker must know its advertised port before it starts, so a free port is chosen here and mapped as it is.
 * testcontainers' reaper removes the container when this process dies, unless it is to outlive it.
 */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { FeedloopError } from '../../../errors.ts'
import { freePorts, type RunningBroker } from './local.ts'
import { untilReady } from './ready.ts'

const IMAGE = process.env.FEEDLOOP_KAFKA_IMAGE ?? 'apache/kafka:4.3.1'
const INSIDE_PORT = 9092
/** Two JVMs start one after the other in the image, on a machine that may be busy. */
const STARTUP_MS = 120_000

export interface DockerBrokerOptions {
  readonly logger: Logger
  /** Goes on when this process ends: only `stop` and `stopContainer` end it. */
  readonly outlives?: boolean
}

export interface DockerBroker extends RunningBroker {
  /** The container's id. */
  readonly container: string
}

/** @throws FeedloopError BUS_UNAVAILABLE without testcontainers, a Docker engine or the image */
export async function startDockerBroker({ logger, outlives = false }: DockerBrokerOptions): Promise<DockerBroker> {
  try {
    const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers')
    const host = (await getContainerRuntimeClient()).info.containerRuntime.host
    const [port] = await freePorts(1)
    const container = await new GenericContainer(IMAGE)
      .withExposedPorts({ container: INSIDE_PORT, host: port })
      .withEnvironment(environment(`${host}:${port}`))
      .withAutoCleanup(!outlives)
      .withStartupTimeout(STARTUP_MS)
      .start()
    const brokers = [`${host}:${port}`]
    const stop = async () => void (await container.stop())
    try {
      await untilReady(brokers, new Promise(() => {}), logger)
    } catch (error) {
      await stop()
      throw error
    }
    return { brokers, stop, container: container.getId() }
  } catch (cause) {
    throw new FeedloopError('BUS_UNAVAILABLE', `Docker: ${(cause as Error).message}`, { cause })
  }
}

/** Whether the container is there and runs; null: there is none. @throws FeedloopError BUS_UNAVAILABLE without the engine */
export async function containerRuns(id: string): Promise<boolean | null> {
  const { container } = await engine()
  return (await container.inspect(container.getById(id)).catch(nullWhenAbsent))?.State.Running ?? null
}

/** Ends a container and removes it with its data; does nothing when there is none.
 * @throws FeedloopError BUS_UNAVAILABLE without the engine */
export async function stopContainer(id: string): Promise<void> {
  const { container } = await engine()
  const found = container.getById(id)
  await container.stop(found, { timeout: 0 }).catch(nullWhenAbsent)
  await container.remove(found, { removeVolumes: true }).catch(nullWhenAbsent)
}

async function engine() {
  try {
    return await (await import('testcontainers')).getContainerRuntimeClient()
  } catch (cause) {
    throw new FeedloopError('BUS_UNAVAILABLE', `Docker, where the broker was started: ${(cause as Error).message}`, {
      cause,
    })
  }
}

function nullWhenAbsent(error: unknown): null {
  if ((error as { statusCode?: number }).statusCode === 404) return null
  throw error
}

const environment = (advertised: string): Record<string, string> => ({
  // The image's own is the same for every broker.
  CLUSTER_ID: randomBytes(16).toString('base64url').replace(/^-/, '_'),
  KAFKA_NODE_ID: '1',
  KAFKA_PROCESS_ROLES: 'broker,controller',
  KAFKA_LISTENERS: `PLAINTEXT://:${INSIDE_PORT},CONTROLLER://:9093`,
  KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${advertised}`,
  KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
  KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
  KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
  KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
  KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
  KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
  KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
  KAFKA_HEAP_OPTS: '-Xms512m -Xmx512m',
})
