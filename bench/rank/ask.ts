/** The two doors, as a generator uses them: requests on their topic and decisions by the chain's reader; or HTTP. */
import { Agent, request as call } from 'node:http'
import type { Request } from '../../schemas/records.ts'
import { openContext } from '../../src/commands/shared.ts'
import { loadConfig } from '../../src/config.ts'
import { anchoredStart } from '../../src/gateway/start.ts'
import { type Decision, decisionFields } from '../../src/gateway/step.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { follow } from '../../src/operate/broadcast.ts'
import { topicName } from '../../src/pipeline.ts'
import type { Load } from './generate.ts'

export interface Asker {
  /** @param told once, of its answer: is there a slate in it? */
  ask(request: Request, told: (ok: boolean) => void): void
  close(): Promise<void>
}

export const openAsker = (load: Load): Promise<Asker> => (load.door === 'kafka' ? onTopics(load) : overHttp(load))

async function onTopics({ config: file }: Load): Promise<Asker> {
  const opened = await openContext(loadConfig(file, process.env))
  const { config, log } = opened
  const { partitions, prefix } = config.topics
  const wire = opened.wire.narrowed!({ recommendations: decisionFields }, [])
  const waiting = new Map<string, (ok: boolean) => void>()
  const from = await anchoredStart(opened, opened.now())
  const decisions = follow<Decision>(
    { ...opened, wire },
    'recommendations',
    ({ decision_id, slots }) => {
      waiting.get(decision_id)?.(slots.length > 0)
      waiting.delete(decision_id)
    },
    { from },
  )
  await decisions.caughtUp
  return {
    ask(request, told) {
      waiting.set(request.request_id, told)
      const { user_id: user, time_ms: timestampMs } = request
      const record = { key: Buffer.from(user), value: wire.encode('requests', request), timestampMs }
      log.append(topicName(prefix, 'requests'), partitionFor(user, partitions), [record]).catch(() => {
        if (waiting.delete(request.request_id)) told(false)
      })
    },
    async close() {
      await decisions.stop()
      await opened.close()
    },
  }
}

async function overHttp({ port }: Load): Promise<Asker> {
  const agent = new Agent({ keepAlive: true })
  const headers = { 'content-type': 'application/json' }
  return {
    ask({ time_ms, deadline_ms, ...body }, told) {
      const sent = JSON.stringify({ ...body, timeout_ms: deadline_ms! - time_ms })
      const options = { port, path: '/v1/recommendations', method: 'POST', agent, headers }
      const asked = call(options, response => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => told(response.statusCode === 200 && JSON.parse(text).items.length > 0))
      })
      asked.on('error', () => told(false))
      asked.end(sent)
    },
    async close() {
      agent.destroy()
    },
  }
}
