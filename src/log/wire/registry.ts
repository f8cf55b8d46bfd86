/**
 * The schema registry (Confluent's API), used only when `registry.url` is set: registers our schemas at start, fetches
 * writers' schemas by id when a record names one that is not known yet. Never on the path of a record that is known.
 */

import { Agent } from 'node:https'
import type avro from 'avsc'
import { FeedloopError } from '../../errors.ts'
import { readSecret, readTls, type TlsFiles, withoutPassword } from '../../secrets.ts'
import { compile } from './types.ts'

export interface Registry {
  /** Registers `schema` under `subject` with FULL compatibility; the id of it.
   * @throws FeedloopError REGISTRY_UNAVAILABLE, REGISTRY_REFUSED (incompatible, or no permission) */
  register(subject: string, schema: unknown): Promise<number>
  /** Why records of `schema` and of the newest one under `subject` can't be read as each other; empty: they can, or there is none yet.
   * @throws FeedloopError REGISTRY_UNAVAILABLE, REGISTRY_REFUSED */
  objections(subject: string, schema: unknown): Promise<readonly string[]>
  /** The schema with this id; null when the registry has none, or it is not Avro. @throws FeedloopError REGISTRY_UNAVAILABLE */
  fetch(id: number): Promise<avro.Type | null>
}

/** The part of the client's own API that it does not offer. */
interface InnerApi {
  readonly Subject: {
    compatible(args: object): Promise<{ data(): { is_compatible: boolean; messages?: readonly unknown[] } }>
  }
}

const RETRIES = 3

/** Where it is, and who we are there (src/security.ts). */
export interface RegistryConfig {
  readonly url: string
  readonly username?: string
  readonly passwordFile?: string
  readonly tokenFile?: string
  readonly tls?: TlsFiles
}

/** What the client has none of: a time limit, and what a caller shows, read at each call. */
const asCaller = (config: RegistryConfig, timeoutMs: number) => () => ({
  prepareRequest: (next: () => Promise<{ enhance(extras: object): unknown }>) =>
    next().then(request => request.enhance({ timeout: timeoutMs, headers: loginOf(config) })),
})

/** @throws FeedloopError SECRET_MISSING */
function loginOf({ username, passwordFile, tokenFile }: RegistryConfig): Record<string, string> {
  if (tokenFile !== undefined) return { authorization: `Bearer ${readSecret(tokenFile, 'registry.tokenFile')}` }
  if (username === undefined || passwordFile === undefined) return {}
  const login = `${username}:${readSecret(passwordFile, 'registry.passwordFile')}`
  return { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
}

/** Statuses that another try may change. The client says 400 where there was no answer at all; registries do not. */
const isPassing = (status: number | undefined): boolean => !status || status >= 500 || [400, 408, 429].includes(status)

function failure(url: string, error: unknown): FeedloopError {
  if (error instanceof FeedloopError) return error
  const { status, message, name } = error as { status?: number; message: string; name: string }
  const refused = name === 'ConfluentSchemaRegistryCompatibilityError' || !isPassing(status)
  return new FeedloopError(
    refused ? 'REGISTRY_REFUSED' : 'REGISTRY_UNAVAILABLE',
    withoutPassword(`${url}: ${message}`),
    {
      cause: error,
    },
  )
}

/** Loads the client (and what it brings: protobuf, JSON schema) only when there is a registry. */
export async function connectRegistry(config: RegistryConfig, timeoutMs = 5000): Promise<Registry> {
  const { url } = config
  const { SchemaRegistry, COMPATIBILITY, SchemaType } = await import('@kafkajs/confluent-schema-registry')
  loginOf(config)
  const middlewares = [asCaller(config, timeoutMs)] as never
  const agent = config.tls && new Agent({ ...readTls(config.tls, 'registry.tls'), keepAlive: true })
  const client = new SchemaRegistry({ host: url.replace(/\/$/, ''), retry: { retries: RETRIES }, middlewares, agent })
  return {
    async register(subject, schema) {
      try {
        const confluent = { type: SchemaType.AVRO, schema: JSON.stringify(schema) } as const
        const { id } = await client.register(confluent, { subject, compatibility: COMPATIBILITY.FULL })
        if (!Number.isInteger(id)) throw new Error('answered without a schema id')
        return id
      } catch (error) {
        throw failure(url, error)
      }
    },
    async objections(subject, schema) {
      const { Subject } = (client as unknown as { api: InnerApi }).api
      try {
        const answer = await Subject.compatible({ subject, verbose: true, body: { schema: JSON.stringify(schema) } })
        const { is_compatible: fits, messages = [] } = answer.data()
        return fits ? [] : messages.length > 0 ? messages.map(String) : ['it is not compatible']
      } catch (error) {
        if ((error as { status?: number }).status === 404) return []
        throw failure(url, error)
      }
    },
    async fetch(id) {
      try {
        const found = (await client.getSchema(id)) as Partial<avro.Type>
        return found.schema ? compile(found.schema({ exportAttrs: true })) : null
      } catch (error) {
        if ((error as { status?: number }).status === 404) return null
        throw failure(url, error)
      }
    },
  }
}
