/** The stages and the oracle of the chain's simulation on a log of flesh and blood, whose appends go wrong by seed. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { FeedloopError } from '../../../src/errors.ts'
import { STEP_HEADER } from '../../../src/log/chain/header.ts'
import { realRim } from '../../../src/log/chain/rim.ts'
import { feedInputs, type Written } from '../../../src/log/chain/simulation/history.ts'
import { lettersMissing } from '../../../src/log/chain/simulation/judge.ts'
import { createPartition, type SimulatedPartition } from '../../../src/log/chain/simulation/log.ts'
import { judgeAnswers, judgeClosed, judgePairs, viewChain } from '../../../src/log/chain/simulation/oracle.ts'
import { closing, jsonWire, pairing, summing } from '../../../src/log/chain/simulation/stages.ts'
import { createWorld, type World } from '../../../src/log/chain/simulation/world.ts'
import { startTask, type Task, type TaskInput } from '../../../src/log/chain/task.ts'
import type { Log, LogRecord, NewRecord } from '../../../src/log/log.ts'
import { createMeter } from '../../../src/metrics.ts'
import type { Stage } from '../../../src/stage.ts'
import { killable, logger } from './tasks.ts'

const in0 = (topic: TaskInput['topic']): TaskInput => ({ topic, partition: 0 })
// biome-ignore lint/suspicious/noExplicitAny: the stages share nothing but the contract
const stages: readonly { stage: Stage<any, any>; inputs: readonly TaskInput[]; output: TaskInput }[] = [
  { stage: summing, inputs: [in0('events'), in0('requests')], output: in0('recommendations') },
  { stage: closing, inputs: [in0('recommendations'), in0('events')], output: in0('transitions') },
  { stage: pairing, inputs: [in0('recommendations'), in0('transitions')], output: in0('releases') },
]
const topics = ['requests', 'events', 'recommendations', 'transitions', 'releases', 'dead-letters'] as const
const copied = ['releases', 'transitions', 'recommendations', 'requests', 'events', 'dead-letters'] as const
const step = { intervalMs: 4, maxRecords: 8, maxBytes: 1 << 16, progressMs: 40, idleMs: 60 }
const troubledMs = 900
const limitMs = 30_000

/** Appends are held up, lost, stored late, twice or without an acknowledgement, while `troubled`. */
function flaky(log: Log, world: World, troubled: () => boolean): Log {
  const uncertain = new FeedloopError('APPEND_UNCERTAIN', 'on purpose')
  const append = async (topic: string, partition: number, records: readonly NewRecord[]): Promise<number> => {
    const store = (): Promise<number> => log.append(topic, partition, records)
    if (!troubled()) return store()
    await sleep(8 * world.random())
    const dice = Math.floor(12 * world.random())
    if (dice === 0) throw uncertain
    if (dice === 1) {
      sleep(100 * world.random())
        .then(store)
        .catch(() => {})
      throw uncertain
    }
    const base = await store()
    if (dice === 2) throw uncertain
    if (dice !== 3) return base
    const again = await store()
    return world.chance(0.5) ? base : again
  }
  return new Proxy(log, {
    get: (target, name: keyof Log) => (name === 'append' ? append : bound(target, name)),
  })
}

const bound = (target: Log, name: keyof Log): unknown => {
  const member = target[name]
  return typeof member === 'function' ? member.bind(target) : member
}

/** The whole topic as the oracle takes it. */
async function copyOf(log: Log, prefix: string, topic: string): Promise<SimulatedPartition> {
  const copy = createPartition(topic)
  const { latest } = await log.ends(prefix + topic, 0)
  let batch: LogRecord[] = []
  const flush = (): void => {
    if (batch.length > 0) assert.equal(copy.append(batch, 0), batch[0]!.offset)
    batch = []
  }
  for (let offset = 0; offset < latest; ) {
    for (const record of await log.read(prefix + topic, 0, offset)) {
      if (record.offset < offset) continue
      const { [STEP_HEADER]: header } = record.headers
      if (header !== undefined || topics.indexOf(topic as 'events') < 2) flush()
      batch.push(record)
      offset = record.offset + 1
    }
  }
  flush()
  return copy
}

/** Appends the simulation's inputs, and calls `kill` now and then meanwhile. */
async function feed(log: Log, prefix: string, world: World, kill: () => void): Promise<Written> {
  const kinds = new Map(['requests', 'events'].map(topic => [topic, createPartition(topic)]))
  const written = feedInputs(world, kinds)
  await world.run(() => false, Number.POSITIVE_INFINITY)
  const all = [...kinds].flatMap(([topic, { batches }]) => batches.map(({ records }) => ({ topic, records })))
  all.sort((a, b) => a.records[0]!.timestampMs - b.records[0]!.timestampMs)
  for (const { topic, records } of all) {
    // Without the simulation's times: retention would take for decades old what it made in its first second.
    await log.append(
      prefix + topic,
      0,
      records.map(({ key, value, headers }) => ({ key, value, headers })),
    )
    await sleep(30 * world.random())
    if (world.chance(0.25)) kill()
  }
  return written
}

/** Rivals of three stages under trouble, killed and replaced; then the oracle judges what stands in the topics. */
export async function troubledAgree(log: Log, prefix: string, seed: number): Promise<void> {
  const config = { 'cleanup.policy': 'delete' }
  await log.createTopics(topics.map(topic => ({ topic: prefix + topic, partitions: 1, replicationFactor: 1, config })))
  const world = createWorld(seed, () => {})
  const untilMs = Date.now() + troubledMs
  const troubled = (): boolean => Date.now() < untilMs
  const failures: unknown[] = []
  const all: Task[] = []
  const living: { readonly task: Task; kill(): void }[] = []
  const start = (which: number): void => {
    const { log: seen, kill } = killable(flaky(log, world, troubled))
    const task = startTask({
      ...stages[which % stages.length]!,
      log: seen,
      wire: jsonWire,
      meter: createMeter(),
      logger,
      prefix,
      view: () => ({ draw: () => 1 + world.below(1000) }),
      now: Date.now,
      rim: realRim(),
      step,
    })
    task.done.catch((error: unknown) => failures.push(error))
    living[which] = { task, kill }
    all.push(task)
  }
  for (let i = 0; i < 2 * stages.length; i++) start(i)
  const written = await feed(log, prefix, world, () => {
    const which = world.below(2 * stages.length)
    living[which]!.kill()
    start(which)
  })
  try {
    const deadlineMs = Date.now() + limitMs
    for (;;) {
      assert.deepEqual(failures, [])
      const partitions = new Map<string, SimulatedPartition>()
      // downstream first, or an answer that came between two copies would be one too many
      for (const topic of copied) partitions.set(topic, await copyOf(log, prefix, topic))
      const [a, c, p] = ['recommendations', 'transitions', 'releases'].map(topic =>
        viewChain(partitions.get(topic)!).accepted(),
      )
      const wrong =
        judgeAnswers(a!, partitions).fault ?? judgeClosed(c!, a!, partitions).fault ?? judgePairs(p!, a!, c!)
      assert.equal(wrong, null, `seed ${seed}`)
      const pairs = p!.reduce((sum, { header }) => sum + header.outputs, 0)
      const read = a!.at(-1)?.header.inputs.map(({ next }) => next)
      if (!troubled() && pairs === written.answerable && read?.join() === `${written.events},${written.requests}`) {
        if (lettersMissing(partitions, prefix) === null) break
      }
      assert.ok(Date.now() < deadlineMs, `seed ${seed}: ${pairs} of ${written.answerable} pairs, read to ${read}`)
      await sleep(100)
    }
  } finally {
    // Of one that was killed nothing more is heard.
    for (const task of all) void task.stop().catch(() => {})
    await Promise.allSettled(living.map(({ task }) => task.done))
  }
}
