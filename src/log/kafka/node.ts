/**
 * One broker of the cluster and our two connections to it: one for fetches, which wait at the broker, one for all else.
 * Answers come as the broker gave them, error codes a partition included: kafkajs's own parsing would throw the first
 * error and lose what happened to the other partitions.
 */
import type { Meter } from '../../metrics.ts'
import {
  apiKeys,
  Broker,
  ConnectionPool,
  type InnerBroker,
  type InnerPool,
  requests,
  type WireCall,
} from './kafkajs.ts'
import { failureOf } from './refusals.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export type Lane = 'calls' | 'fetches'
const laneIndex: Record<Lane, number> = { calls: 0, fetches: 1 }

export interface Node extends Address {
  /** Makes sure of the connection. Nothing was sent when this fails.
   * @throws FeedloopError LOG_UNAVAILABLE, LOG_UNTRUSTED, LOG_LOGIN_REFUSED */
  connect(lane: Lane): Promise<void>
  /** Sends a request built by us. @throws FeedloopError LOG_UNAVAILABLE: sent or not, that is not known */
  send<T>(lane: Lane, call: Omit<WireCall<T>, 'response'> & { decode: (bytes: Buffer) => Promise<T> }): Promise<T>
  /** Sends one of kafkajs's requests, in the newest version that both sides speak. */
  ask<T>(api: string, args: object): Promise<T>
  isConnected(): boolean
  close(): Promise<void>
}

/** kafkajs's connection settings. */
export interface ConnectionSettings {
  readonly logger: unknown
  readonly clientId: string
  readonly ssl?: unknown
  readonly sasl?: unknown
  readonly socketFactory: unknown
  readonly connectionTimeout: number
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  /** Told of every request. */
  readonly meter?: Meter
}

export function createNode({ meter, ...settings }: ConnectionSettings, { host, port }: Address): Node {
  const pool: InnerPool = new ConnectionPool({ ...settings, host, port })
  const broker: InnerBroker = new Broker({
    connectionPool: pool,
    logger: settings.logger,
    allowAutoTopicCreation: false,
  })
  const connecting: Partial<Record<Lane, Promise<unknown>>> = {}
  let greeted = false

  // The library opens a second socket when two requests find a connection closed: hence one attempt for all.
  const open = async (lane: Lane) => {
    if (!greeted) await broker.connect()
    greeted = true
    await pool.getConnection(laneIndex[lane])
  }
  const connect = async (lane: Lane) => {
    if (greeted && pool.pool[laneIndex[lane]].isConnected()) return
    connecting[lane] ??= open(lane).finally(() => {
      connecting[lane] = undefined
    })
    await connecting[lane].catch(cause => {
      meter?.add('feedloop_kafka_request_failures_total', { api: 'Connect' })
      throw failureOf(`${host}:${port}`, cause)
    })
  }
  const send: Node['send'] = async (lane, { request, decode }) => {
    await connect(lane)
    const api = request.apiName
    const sentMs = performance.now()
    const answered = (bytes: Buffer) => {
      meter?.observe('feedloop_kafka_request_seconds', { api }, (performance.now() - sentMs) / 1000)
      meter?.add('feedloop_kafka_received_bytes_total', { api }, bytes.length)
      meter?.add('feedloop_kafka_request_failures_total', { api }, 0)
      return decode(bytes)
    }
    try {
      const connection = pool.pool[laneIndex[lane]]
      return await connection.send({ request, response: { decode: answered, parse: async decoded => decoded } })
    } catch (cause) {
      meter?.add('feedloop_kafka_request_failures_total', { api })
      throw failureOf(`${host}:${port}`, cause)
    }
  }
  return {
    host,
    port,
    connect,
    send,
    async ask<T>(api: string, args: object) {
      await connect('calls')
      const { request, response } = broker.lookupRequest<T>(apiKeys[api], requests[api])(args)
      return send<T>('calls', { request, decode: bytes => response.decode(bytes) })
    },
    isConnected: () => broker.isConnected(),
    close: () => pool.destroy(),
  }
}
