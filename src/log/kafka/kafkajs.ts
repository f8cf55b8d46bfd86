/**
 * The door to kafkajs: the library, repaired, and those of its inner parts that we use directly. We take its connections,
 * protocol and consumer group; producing and fetching are our own (append.ts, produce.ts, fetch.ts), because its producer hides the
 * outcome of a partition and its consumer reads only through a group. kafkajs is pinned: its insides have no promise.
 */
import { createRequire } from 'node:module'
import type { Logger } from 'pino'
import { loadRepairedKafkaJs } from './repairs.ts'

export const kafkajs = loadRepairedKafkaJs()
const require = createRequire(import.meta.url)
const inner = (path: string) => require(`kafkajs/src/${path}`)

/** A request as kafkajs sends it: `encode` gives the body. */
export interface WireRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  readonly encode: () => Promise<unknown>
  readonly expectResponse?: () => boolean
}
export interface WireCall<T> {
  readonly request: WireRequest
  readonly response: { readonly decode: (bytes: Buffer) => Promise<T>; readonly parse: (decoded: T) => Promise<T> }
}

export interface WireDecoder {
  readInt16(): number
  readInt32(): number
  readInt64(): { toString(): string }
  readString(): string
  readBytes(): Buffer | null
  readArray<T>(item: (decoder: WireDecoder) => T): T[]
}
export const Decoder = inner('protocol/decoder') as new (bytes: Buffer) => WireDecoder

export interface InnerConnection {
  isConnected(): boolean
  send<T>(call: WireCall<T>): Promise<T>
}
export interface InnerPool {
  readonly pool: readonly InnerConnection[]
  getConnection(index: number): Promise<InnerConnection>
  destroy(): Promise<void>
}
export interface InnerBroker {
  readonly lookupRequest: <T>(apiKey: number, definition: unknown) => (args: unknown) => WireCall<T>
  isConnected(): boolean
  connect(): Promise<void>
}
export const ConnectionPool = inner('network/connectionPool') as new (options: object) => InnerPool
export const Broker = inner('broker') as new (options: object) => InnerBroker
type SocketFactory = import('kafkajs').ISocketFactory
const createKafkaJsSocketFactory = inner('network/socketFactory') as () => SocketFactory

/** kafkajs's sockets, and what is written goes out at once. Else the end of a request that is longer than a segment waits until the broker's machine
 * acknowledges what came before (Nagle, RFC 896), which puts that off (RFC 1122, 4.2.3.2), Linux for 40 ms, while both sides do nothing. */
export function createSocketFactory(): SocketFactory {
  const open = createKafkaJsSocketFactory()
  return options => open(options).setNoDelay(true)
}
export const apiKeys = inner('protocol/requests/apiKeys') as Readonly<Record<string, number>>
export const requests = inner('protocol/requests').requests as Readonly<Record<string, unknown>>
export const createErrorFromCode = inner('protocol/error').createErrorFromCode as (code: number) => Error & {
  readonly type: string
  readonly retriable: boolean
}
export const produceResponse = inner('protocol/requests/produce/v7/response') as {
  decode: (bytes: Buffer) => Promise<unknown>
}
export const fetchRequest = inner('protocol/requests/fetch/v11/request') as (args: object) => WireRequest

/** kafkajs's log lines as pino's. All at debug and below: what fails for good is thrown. */
export function logCreator(logger: Logger) {
  return () =>
    ({ namespace, level, log: { message, timestamp: _, logger: __, ...rest } }: import('kafkajs').LogEntry) => {
      const line = `kafkajs ${namespace}: ${message}`
      if (level === kafkajs.logLevel.DEBUG) logger.trace(rest, line)
      else logger.debug(rest, line)
    }
}
