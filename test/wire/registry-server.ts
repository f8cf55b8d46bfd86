/** A small stand-in of a schema registry: it judges FULL compatibility, and can be told to fail in the usual ways. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { compile } from '../../src/log/wire/types.ts'

/** Answers in the registry's stead; false where it leaves the answer to it. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

export interface RegistryServer {
  readonly url: string
  /** Texts of the schemas; the first has id 1. */
  readonly schemas: string[]
  readonly subjects: ReadonlyMap<string, string>
  readonly compatibility: Map<string, string>
  /** Calls so far. */
  calls: number
  fault: Fault
  close(): void
}

export function answer(response: ServerResponse, status: number, body: unknown): boolean {
  response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body))
  return true
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}
}

/** Why one of the two cannot be read as the other; none where both can. */
function objections(before: string | undefined, after: string): string[] {
  if (before === undefined) return []
  const [one, other] = [before, after].map(text => compile(JSON.parse(text)))
  return [
    [one, other],
    [other, one],
  ].flatMap(([reader, writer]) => {
    try {
      reader.createResolver(writer)
      return []
    } catch (error) {
      return [(error as Error).message]
    }
  })
}

/** A value in the registry's framing. */
export function confluent(id: number, body: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, body])
}

export async function startRegistry(): Promise<RegistryServer> {
  const schemas: string[] = []
  const subjects = new Map<string, string>()
  const compatibility = new Map<string, string>()
  const server = createServer(async (request, response) => {
    registry.calls++
    const body = await bodyOf(request)
    if (registry.fault(request, response)) return
    const [, kind, subject] = request.url!.split('/').map(decodeURIComponent)
    if (kind === 'config' && request.method === 'GET') {
      const level = compatibility.get(subject)
      return answer(response, level ? 200 : 404, level ? { compatibilityLevel: level } : { error_code: 40401 })
    }
    if (kind === 'config') return compatibility.set(subject, body.compatibility) && answer(response, 200, body)
    if (kind === 'compatibility') {
      const before = subjects.get(request.url!.split('/').map(decodeURIComponent)[3])
      if (before === undefined) return answer(response, 404, { error_code: 40401, message: 'Subject not found' })
      const messages = objections(before, body.schema)
      return answer(response, 200, { is_compatible: messages.length === 0, messages })
    }
    if (kind === 'subjects') {
      const messages = objections(subjects.get(subject), body.schema)
      if (messages.length > 0) return answer(response, 409, { error_code: 409, message: messages.join('; ') })
      if (!schemas.includes(body.schema)) schemas.push(body.schema)
      subjects.set(subject, body.schema)
      return answer(response, 200, { id: schemas.indexOf(body.schema) + 1 })
    }
    const schema = schemas[Number(request.url!.split('/').pop()) - 1]
    return answer(
      response,
      schema ? 200 : 404,
      schema ? { schema } : { error_code: 40403, message: 'Schema not found' },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const registry: RegistryServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    schemas,
    subjects,
    compatibility,
    calls: 0,
    fault: () => false,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return registry
}
