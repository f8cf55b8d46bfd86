/** A loop that runs with a gateway before it, for what is asked over HTTP. */
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorEvent, Request } from '../../schemas/records.ts'
import type { ConfigInput } from '../../src/config.ts'
import { type RunningGateway, runGateway } from '../../src/gateway/service.ts'
import type { Log } from '../../src/log/log.ts'
import type { ServiceContext } from '../../src/operate/context.ts'
import { traced } from '../../src/operate/run.ts'
import { type TopicName, topicName } from '../../src/pipeline.ts'
import { type Live, openLive, publishItems } from '../operate/live.ts'

export const items = ['a', 'b', 'c', 'd']

export interface World extends Live {
  readonly url: string
  readonly gateway: RunningGateway
  post(path: string, body: unknown): Promise<Reply>
  /** Another gateway on the same bus. */
  another(over?: (context: ServiceContext) => ServiceContext): Promise<RunningGateway>
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: what came is what is tested
  readonly body: any
}

/** The whole loop, ready, with its catalogue. */
export async function openWorld(t: TestContext, config: ConfigInput = {}, log?: Log): Promise<World> {
  const live = await openLive(t, config, log)
  await publishItems(live, items)
  await live.start()
  const another: World['another'] = async (over = context => context) => {
    const gateway = await runGateway(over(traced(live.context, 'gateway')))
    t.after(() => gateway.stop())
    while (gateway.waitingFor() !== '') await sleep(5)
    return gateway
  }
  const gateway = await another()
  const url = urlOf(gateway)
  return { ...live, url, gateway, another, post: (path, body) => post(url + path, body) }
}

export const urlOf = ({ port }: RunningGateway): string => `http://127.0.0.1:${port}`

export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) }
}

let ids = 0
export const wish = (fields: Partial<Request> & { timeout_ms?: number } = {}) => ({
  request_id: `w${ids++}`,
  user_id: 'ann',
  slots: 2,
  timeout_ms: 10_000,
  ...fields,
})

/** All records of a topic that is not chained. */
export async function recordsOf<T>({ log, wire, config }: ServiceContext, topic: TopicName): Promise<T[]> {
  const name = topicName(config.topics.prefix, topic)
  const all: T[] = []
  for (let p = 0; p < (await log.partitionCount(name)); p++)
    for (let offset = 0; ; ) {
      const records = await log.read(name, p, offset)
      if (records.length === 0) break
      for (const { value } of records) all.push(wire.decode(topic, value!) as T)
      offset = records.at(-1)!.offset + 1
    }
  return all
}

export const activations = async (context: ServiceContext, id: string): Promise<BehaviorEvent[]> =>
  (await recordsOf<BehaviorEvent>(context, 'events')).filter(
    event => event.type === 'activate' && event.decision_id === id,
  )

/** A log of which some calls are held up, or fail, while `fault` says so. */
export function troubled(log: Log, fault: (call: 'append' | 'read', topic: string) => Promise<void> | undefined): Log {
  return {
    ...log,
    append: async (topic, ...rest) => {
      await fault('append', topic)
      return log.append(topic, ...rest)
    },
    read: async (topic, ...rest) => {
      const records = await log.read(topic, ...rest)
      await fault('read', topic)
      return records
    },
  }
}

/** A door in the way of calls: open at first. */
export function barrier() {
  let shut: PromiseWithResolvers<void> | undefined
  return {
    passed: (): Promise<void> | undefined => shut?.promise,
    shut: (): void => {
      shut = Promise.withResolvers()
    },
    open: (): void => shut?.resolve(),
  }
}

export async function until(look: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const end = Date.now() + 15_000; !(await look()); await sleep(10))
    if (Date.now() > end) throw new Error(`not within 15 s: ${what}`)
}
