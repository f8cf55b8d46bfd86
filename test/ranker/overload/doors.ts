/** The two doors as callers use them who never wait for one another: what became of each request, by name. */
import { Agent, request as call } from 'node:http'
import type { Recommendation, Request } from '../../../schemas/records.ts'
import { anchoredStart } from '../../../src/gateway/start.ts'
import { partitionFor } from '../../../src/log/partition.ts'
import { follow } from '../../../src/operate/broadcast.ts'
import type { ServiceContext } from '../../../src/operate/context.ts'
import { topicName } from '../../../src/pipeline.ts'

/** `full` (scored, with a slate), `shed`, another reason of the decision, status and code of a problem, or `broken` and why. */
export type End = string

export interface Door {
  /** @param told of its end, once; a second time is an error of the loop's */
  ask(request: Request, told: (end: End) => void): void
  close(): Promise<void>
}

/** Sees every decision, where a caller over HTTP sees its own answer only. */
export interface TopicDoor extends Door {
  /** Decisions that nobody asked for, or that came twice. */
  readonly stray: number
}

const fields = ['decision_id', 'shed', 'reason', 'slots'] as const
type Made = Pick<Recommendation, (typeof fields)[number]>

const endOf = ({ slots, reason }: Pick<Made, 'slots' | 'reason'>): End =>
  reason === 'shed' || slots.length === 0 ? reason : 'full'

/** Appends to `requests`, reads the accepted decisions. */
export async function onTopics(context: ServiceContext): Promise<TopicDoor> {
  const { config, log, wire } = context
  const { prefix, partitions } = config.topics
  const open = new Map<string, (end: End) => void>()
  let stray = 0
  const narrow = { ...context, wire: wire.narrowed!({ recommendations: fields }, []) }
  const from = await anchoredStart(context, Date.now())
  const decisions = follow<Made>(
    narrow,
    'recommendations',
    made => {
      const told = open.get(made.decision_id)
      if (!open.delete(made.decision_id)) stray++
      told?.(endOf(made))
    },
    { from },
  )
  await decisions.caughtUp
  return {
    ask(request, told) {
      open.set(request.request_id, told)
      const { user_id: user, time_ms: timestampMs } = request
      const record = { key: Buffer.from(user), value: wire.encode('requests', request), timestampMs }
      log.append(topicName(prefix, 'requests'), partitionFor(user, partitions), [record]).catch(() => {
        if (open.delete(request.request_id)) told('broken')
      })
    },
    get stray() {
      return stray
    },
    close: () => decisions.stop(),
  }
}

/** As a proxy's pool: fewer than Linux lets wait for a busy process (net.core.somaxconn). Who finds none waits here, and is timed. */
const MOST_CONNECTIONS = 4000

/** POST /v1/recommendations with as much patience as the deadline says. */
export function overHttp(port: number): Door {
  const agent = new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS })
  const headers = { 'content-type': 'application/json' }
  const options = { host: '127.0.0.1', port, path: '/v1/recommendations', method: 'POST', agent, headers }
  return {
    ask({ time_ms, deadline_ms, ...body }, told) {
      const asked = call(options, response => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const answer = JSON.parse(Buffer.concat(parts).toString())
          told(response.statusCode === 200 ? endOf(answer) : `${response.statusCode} ${answer.code}`)
        })
      })
      asked.on('error', (error: NodeJS.ErrnoException) => told(`broken ${error.code}`))
      asked.end(JSON.stringify({ ...body, timeout_ms: deadline_ms! - time_ms }))
    },
    close: async () => agent.destroy(),
  }
}
