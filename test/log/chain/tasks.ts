/** A stage that adds, and what the tests of tasks need around it. */
import assert from 'node:assert/strict'
import pino from 'pino'
import type { Batch } from '../../../src/log/chain/batches.ts'
import { openFeed } from '../../../src/log/chain/feed.ts'
import { type Rim, realRim } from '../../../src/log/chain/rim.ts'
import { chainRules } from '../../../src/log/chain/rules.ts'
import { jsonWire } from '../../../src/log/chain/simulation/stages.ts'
import type { Task, TaskOptions } from '../../../src/log/chain/task.ts'
import { startTask } from '../../../src/log/chain/task.ts'
import type { Log, LogRecord } from '../../../src/log/log.ts'
import { createMeter } from '../../../src/metrics.ts'
import type { Stage } from '../../../src/stage.ts'
import type { Table } from '../../../src/state/table.ts'
import { asState, memoryTable } from '../../../src/state/table.ts'

export type Sums = ReturnType<typeof newSums>
const newSums = () => asState({ sums: memoryTable<number>() as Table<number> })

/** Events add; a request is answered with the sum so far and a random part, which counts too. */
export const adding: Stage<Sums> = {
  name: 'adding',
  open: newSums,
  step(state, inputs) {
    const outputs = []
    for (const { topic, key, value } of inputs) {
      const { n } = value as { n: number }
      const before = state.sums.get('all') ?? 0
      const draw = topic === 'requests' ? Math.floor(1000 * Math.random()) : n
      if (topic === 'requests') outputs.push({ key, value: { id: n, sum: before, draw } })
      state.sums.set('all', before + draw)
    }
    return { outputs, refusals: [], counts: [] }
  },
  fold(state, inputs, outputs) {
    const answers = outputs.map(output => output.value as { draw: number })
    for (const { topic, value } of inputs) {
      const add = topic === 'requests' ? answers.shift()!.draw : (value as { n: number }).n
      state.sums.set('all', (state.sums.get('all') ?? 0) + add)
    }
  },
}

export const logger = pino({ level: 'silent' })

export async function createTopics(log: Log, prefix: string): Promise<void> {
  const config = { 'cleanup.policy': 'delete' }
  await log.createTopics(
    ['requests', 'events', 'recommendations', 'dead-letters'].map(topic => ({
      topic: prefix + topic,
      partitions: 1,
      replicationFactor: 1,
      config,
    })),
  )
}

export const start = (log: Log, prefix: string, options: Partial<TaskOptions<Sums, undefined>> = {}): Task =>
  startTask<Sums, undefined>({
    log,
    wire: jsonWire,
    meter: createMeter(),
    logger,
    stage: adding,
    prefix,
    inputs: [
      { topic: 'events', partition: 0 },
      { topic: 'requests', partition: 0 },
    ],
    output: { topic: 'recommendations', partition: 0 },
    view: () => undefined,
    now: Date.now,
    step: { intervalMs: 2, maxRecords: 50, maxBytes: 1 << 20, progressMs: 30, idleMs: 100 },
    ...options,
  })

export const put = (log: Log, topic: string, value: unknown): Promise<number> =>
  log.append(topic, 0, [
    { key: Buffer.from('u'), value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) },
  ])

/** Reads the accepted batches until `enough`. */
export async function readUntil(
  log: Log,
  prefix: string,
  enough: (records: readonly LogRecord[]) => boolean,
  limitMs = 20_000,
): Promise<readonly LogRecord[]> {
  const io = { log, rim: realRim(), rules: chainRules }
  const feed = await openFeed(io, { topic: `${prefix}recommendations`, partition: 0 }, null)
  const records: LogRecord[] = []
  const untilMs = Date.now() + limitMs
  while (!enough(records)) {
    assert.ok(Date.now() < untilMs, `only ${records.length} accepted records`)
    const batches: readonly Batch[] = await feed.poll({ waitMs: 50 })
    records.push(...batches.flatMap(batch => batch.records))
  }
  return records
}

/** A process that can be killed: what it waits for never comes, what it sent may arrive. */
export function killable(log: Log): { log: Log; rim: Rim; kill(): void } {
  let dead = false
  const never = new Promise<never>(() => {})
  const rim = realRim(Date.now)
  const guarded = new Proxy(log, {
    get(target, name: keyof Log) {
      const member = target[name]
      if (typeof member !== 'function') return member
      return async (...args: never[]) => {
        if (dead) return never
        const answer: unknown = await (member as (...all: never[]) => unknown).apply(target, args)
        return dead ? never : answer
      }
    },
  })
  return {
    log: guarded,
    // nor do its timers fire: it would look for inputs for ever
    rim: { ...rim, sleep: (...args) => (dead ? never : rim.sleep(...args)) },
    kill() {
      dead = true
    },
  }
}

/** Two rivals on one partition, each killed and replaced while requests come: every request is answered once, in order,
 * with the sum that the answers before it make; who reads the chain from elsewhere sees the same. */
export async function rivalsAgree(log: Log, prefix: string): Promise<void> {
  await createTopics(log, prefix)
  const processes = [killable(log), killable(log)]
  const step = { intervalMs: 2, maxRecords: 4, maxBytes: 1 << 20, progressMs: 30, idleMs: 100 }
  const tasks = processes.map(process => start(process.log, prefix, { step, rim: process.rim }))
  await Promise.all(tasks.map(task => task.ready))
  const requests = 60
  for (let id = 0; id < requests; id++) {
    if (id % 3 === 0) await put(log, `${prefix}events`, { n: 7 })
    await put(log, `${prefix}requests`, { n: id })
    if (id % 20 !== 10) continue
    const killed = (id / 10) % 2
    processes[killed]!.kill()
    processes[killed] = killable(log)
    tasks[killed] = start(processes[killed]!.log, prefix, { step, rim: processes[killed]!.rim })
  }
  const records = await readUntil(log, prefix, all => all.length >= requests)
  const answers = records.map(
    record => JSON.parse(record.value!.toString()) as { id: number; sum: number; draw: number },
  )
  assert.deepEqual(
    answers.map(({ id }) => id),
    [...Array(requests).keys()],
  )
  const added = answers.map(({ sum, draw }, i) => (answers[i + 1]?.sum ?? sum + draw) - sum - draw)
  assert.ok(
    added.every(sum => sum >= 0 && sum % 7 === 0),
    `events between the answers: ${added}`,
  )
  await Promise.all(tasks.map(task => task.stop()))

  const half = records[requests / 2]!.offset
  const io = { log, rim: realRim(), rules: chainRules }
  const feed = await openFeed(io, { topic: `${prefix}recommendations`, partition: 0 }, { next: half })
  const later: LogRecord[] = []
  do later.push(...(await feed.poll()).flatMap(batch => batch.records))
  while (!feed.atEnd)
  const expected = records.map(({ offset }) => offset).filter(offset => offset >= (later[0]?.offset ?? half))
  assert.ok(later.length > 0)
  assert.deepEqual(
    later.map(({ offset }) => offset),
    expected,
  )
}
