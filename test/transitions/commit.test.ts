/**
 * Offsets, which others commit before the records are processed, and as the last one instead of the next (4 of "joins that
 * others get wrong"): a joiner dies in a step and another goes on. What is committed follows what the chain accepted.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pino from 'pino'
import type { Transition } from '../../schemas/records.ts'
import type { Batch } from '../../src/log/chain/batches.ts'
import { openFeed } from '../../src/log/chain/feed.ts'
import { committedOf } from '../../src/log/chain/progress.ts'
import { realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import { startTask } from '../../src/log/chain/task.ts'
import { createWriter } from '../../src/log/chain/writer.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { joinersWire } from '../../src/transitions/decision.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { killable } from '../log/chain/tasks.ts'
import { lineOf } from './cases.ts'
import { decision, makeConfig, outcome } from './make.ts'

/** Where a process dies in its first step: it never learns what became of the append. */
type Death = 'before its append' | 'after its append' | 'never'

interface Case {
  readonly name: string
  readonly dies: Death
  /** The next offsets of decisions and events that the first process committed. */
  readonly committed: readonly (readonly [string, number])[]
  /** The chain has something of it. */
  readonly wrote: boolean
}

const cases: readonly Case[] = [
  {
    name: 'what a step took that was not written is taken again (4)',
    dies: 'before its append',
    committed: [],
    wrote: false,
  },
  {
    name: 'what a step wrote before its process died is not taken twice (4)',
    dies: 'after its append',
    committed: [],
    wrote: true,
  },
  {
    name: 'what is committed is the next offset: whoever goes on begins there (4)',
    dies: 'never',
    committed: [
      ['recommendations', 1],
      ['events', 2],
    ],
    wrote: true,
  },
]

const wire = await createWire({ prefix: '' })
const inputs = ['recommendations', 'events'] as const

async function openLog(): Promise<Log> {
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix: '', partitions: 1, policies: 1, replicationFactor: 1 }))
  const io = { log, rim: realRim(), rules: chainRules }
  const writer = createWriter(io, { topic: 'recommendations', partition: 0 }, { head: null, end: 0, partitions: 1 })
  const value = wire.encode('recommendations', decision('d1', 0))
  const content = { inputs: [], tick: { timeMs: 0, watermarkMs: -1 } }
  await writer.append(io.rim.randomId(), content, [{ key: Buffer.from('u'), value }])
  const events = [1, 2].map(seconds => outcome('click', 'd1', seconds, { event_id: `e${seconds}` }))
  await log.append(
    'events',
    0,
    events.map(each => ({ key: Buffer.from('u'), value: wire.encode('events', each) })),
  )
  return log
}

/** The log of a process that dies at its first append to the chain. */
function dying(alive: Log, death: Death, died: () => void): Log {
  const { log, kill } = killable(alive)
  const append: Log['append'] = async (...args) => {
    if (death === 'never' || args[0] !== 'transitions') return log.append(...args)
    if (death === 'after its append') await log.append(...args)
    kill()
    died()
    return new Promise(() => {})
  }
  return new Proxy(log, { get: (target, name) => (name === 'append' ? append : Reflect.get(target, name)) })
}

/** Joins until `enough` is committed, or it dies. */
async function run(log: Log, committed: Map<string, number>, enough: () => boolean) {
  const meter = createMeter()
  const through = Promise.withResolvers<void>()
  const task = startTask({
    log,
    wire: joinersWire(wire),
    meter,
    logger: pino({ level: 'silent' }),
    stage: createJoiner(makeConfig()),
    prefix: '',
    inputs: inputs.map(topic => ({ topic, partition: 0 })),
    output: { topic: 'transitions', partition: 0 },
    view: () => undefined,
    now: Date.now,
    step: { intervalMs: 1, maxRecords: 50, maxBytes: 1 << 20, progressMs: 20, idleMs: 200 },
    accepted: step => {
      for (const { topic, offset } of committedOf('', step)) committed.set(topic, offset)
      if (enough()) through.resolve()
    },
  })
  return { task, meter, through: through.promise }
}

const reached = (committed: ReadonlyMap<string, number>, decisions: number, events: number): boolean =>
  committed.get('recommendations') === decisions && committed.get('events') === events

for (const { name, dies, committed, wrote } of cases)
  test(name, { timeout: 20_000 }, async () => {
    const log = await openLog()
    const first = new Map<string, number>()
    const dead = Promise.withResolvers<void>()
    const { task, through } = await run(dying(log, dies, dead.resolve), first, () => reached(first, 1, 2))
    await Promise.race([dead.promise, through])
    if (dies === 'never') await task.stop()
    assert.deepEqual([...first], committed)
    const accepted = await acceptedOf(log)
    assert.equal(accepted.length > 0, wrote)
    const before = accepted.at(-1)?.header.inputs.reduce((sum, { next: to }) => sum + to, 0) ?? 0

    const second = new Map<string, number>()
    const next = await run(log, second, () => reached(second, 1, 3))
    await next.task.ready
    const late = outcome('click', 'd1', 3, { event_id: 'e3' })
    await log.append('events', 0, [{ key: Buffer.from('u'), value: wire.encode('events', late) }])
    await next.through
    await next.task.stop()
    assert.deepEqual(
      [...second],
      [
        ['recommendations', 1],
        ['events', 3],
      ],
    )
    const text = await next.meter.registry.metrics()
    const taken = [...text.matchAll(/^feedloop_records_consumed_total\{.*\} (\d+)$/gm)].map(([, n]) => Number(n))
    const consumed = taken.reduce((sum, n) => sum + n, 0)
    assert.equal(before + consumed, 4, 'each record once')
    const written = await transitionsOf(log)
    assert.equal(written.at(-1)!.cumulative.click, 3)
    assert.deepEqual(
      written.map(({ revision }) => revision),
      written.map((_, i) => i),
      written.map(lineOf).join('\n'),
    )
  })

async function acceptedOf(log: Log): Promise<Batch[]> {
  const io = { log, rim: realRim(), rules: chainRules }
  const feed = await openFeed(io, { topic: 'transitions', partition: 0 }, null)
  const all: Batch[] = []
  do all.push(...(await feed.poll()))
  while (!feed.atEnd)
  return all
}

const transitionsOf = async (log: Log): Promise<Transition[]> =>
  (await acceptedOf(log))
    .filter(({ header }) => header.outputs > 0)
    .flatMap(({ records }) => records.map(({ value }) => wire.decode('transitions', value!) as Transition))
