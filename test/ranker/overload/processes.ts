/** Ranker and gateway as processes of their own on a real Kafka, before a catalogue that a search goes through in a thread. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { publishWorld } from '../../../bench/rank/publish.ts'
import { settingsOf } from '../../../bench/rank/world.ts'
import { type ConfigInput, parseConfig } from '../../../src/config.ts'
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts'
import { applyTopics, topicSpecs } from '../../../src/log/topics.ts'
import { createWire } from '../../../src/log/wire/create.ts'
import { createMeter } from '../../../src/metrics.ts'
import { type Child, endChild, startChild } from '../../../src/operate/children.ts'
import { createLogger, type ServiceContext } from '../../../src/operate/context.ts'
import type { StageName } from '../../../src/pipeline.ts'

export interface Processes {
  readonly context: ServiceContext
  readonly gatewayPort: number
  /** Sum of a counter of a process over the series whose labels match. */
  counted(stage: StageName, metric: string, labels?: RegExp): Promise<number>
  /** What the process holds at least, bytes: the least seen within a while of heap and what hangs on it, since what may go goes
   * when the collector likes. */
  heldBytes(stage: StageName, withinMs: number): Promise<number>
}

const READY_MS = 120_000

export async function startProcesses(brokers: readonly string[], items: number, over: ConfigInput): Promise<Processes> {
  const logger = createLogger('silent')
  const log = await openKafkaLog({ brokers, clientId: 'overload', logger })
  after(() => log.close())
  const prefix = `overload-${process.pid}.`
  const settings = settingsOf(prefix)
  const input = {
    ...settings,
    ...over,
    topics: { ...settings.topics, ...over.topics },
    kafka: { brokers: [...brokers] },
  }
  const config = parseConfig(input)
  const wire = await createWire({ prefix })
  await applyTopics(log, topicSpecs({ ...config.topics, policies: 1 }))
  await publishWorld({ log, wire, prefix }, items, config.topics.partitions)
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-overload-'))
  after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'feedloop.yaml')
  writeFileSync(file, stringify(input))
  const children = new Map<StageName, Child>()
  for (const stage of ['ranker', 'gateway'] as const) {
    const child = startChild(stage, file, process.env)
    children.set(stage, child)
    after(() => endChild(child, 'SIGKILL'))
  }
  await Promise.all([...children.values()].map(child => child.ready(READY_MS)))
  const counted: Processes['counted'] = async (stage, metric, labels = /^/) => {
    const text = await children.get(stage)!.metrics()
    const series = text.matchAll(new RegExp(`^${metric}(\\{.*\\})? (\\S+)`, 'gm'))
    return [...series].reduce((sum, [, own = '', value]) => sum + (labels.test(own) ? Number(value) : 0), 0)
  }
  return {
    context: { config, log, wire, meter: createMeter(), logger, now: Date.now },
    gatewayPort: Number(/"gatewayPort":(\d+)/.exec(children.get('gateway')!.tail())![1]),
    counted,
    async heldBytes(stage, withinMs) {
      let least = Number.POSITIVE_INFINITY
      for (const end = performance.now() + withinMs; performance.now() < end; await sleep(100)) {
        const heap = await counted(stage, 'nodejs_heap_size_used_bytes')
        const beside = await counted(stage, 'nodejs_external_memory_bytes')
        if (heap > 0) least = Math.min(least, heap + beside)
      }
      return least
    },
  }
}
