/**
 * A real Kafka broker in a container, through testcontainers (a development dependency: absent in an installed package).
 * The broker must know its advertised port before it starts, so a free port is chosen here and mapped as it is.
 * testcontainers' reaper removes the container when this process dies.
 */
import type { Logger } from 'pino'
import { FeedloopError } from '../../../errors.ts'
import { freePorts, type RunningBroker } from './local.ts'
import { untilReady } from './ready.ts'

const IMAGE = process.env.FEEDLOOP_KAFKA_IMAGE ?? 'apache/kafka:4.3.1'
const INSIDE_PORT = 9092

/** @throws FeedloopError BUS_UNAVAILABLE without testcontainers, a Docker engine or the image */
export async function startDockerBroker({ logger }: { readonly logger: Logger }): Promise<RunningBroker> {
  try {
    const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers')
    const host = (await getContainerRuntimeClient()).info.containerRuntime.host
    const [port] = await freePorts(1)
    const container = await new GenericContainer(IMAGE)
      .withExposedPorts({ container: INSIDE_PORT, host: port })
      .withEnvironment(environment(`${host}:${port}`))
      .start()
    const brokers = [`${host}:${port}`]
    const stop = async () => void (await container.stop())
    try {
      await untilReady(brokers, new Promise(() => {}), logger)
    } catch (error) {
      await stop()
      throw error
    }
    return { brokers, stop }
  } catch (cause) {
    throw new FeedloopError('BUS_UNAVAILABLE', `Docker: ${(cause as Error).message}`, { cause })
  }
}

const environment = (advertised: string): Record<string, string> => ({
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
  KAFKA_HEAP_OPTS: '-Xms64m -Xmx512m',
})
