/**
 * One seed: two stages in a row with rivals each, on a log in trouble, with processes that crash and freeze, a front
 * that is removed and sometimes a log that is rolled back. At the end the oracle judges the whole history.
 *
 * `fault` is null when all is as it must be: every input covered once and in order, every output equal to the
 * sequential run's, every step that a writer believed accepted in fact accepted, the same chain read from anywhere, and
 * every refused record in the dead letters.
 */
import type { Logger } from 'pino'
import { FeedloopError, isCode } from '../../../errors.ts'
import type { Meter } from '../../../metrics.ts'
import type { TopicName } from '../../../pipeline.ts'
import type { Stage } from '../../../stage.ts'
import { parseDeadLetter } from '../../deadletters.ts'
import type { NewRecord } from '../../log.ts'
import type { StepHeader } from '../header.ts'
import { createReader } from '../reader.ts'
import type { Rim } from '../rim.ts'
import type { ChainRules } from '../rules.ts'
import { chainRules } from '../rules.ts'
import type { TaskInput } from '../task.ts'
import { startTask } from '../task.ts'
import type { SimulatedPartition } from './log.ts'
import { createPartition, noTrouble, openSimulatedLog } from './log.ts'
import type { AcceptedInLog } from './oracle.ts'
import { headIn, judgeAnswers, judgeClosed, viewChain } from './oracle.ts'
import { closing, jsonWire, refusable, summing } from './stages.ts'
import type { Process, World } from './world.ts'
import { createProcess, createWorld } from './world.ts'

// biome-ignore lint/suspicious/noExplicitAny: the two stages share nothing but the contract
type AnyStage = Stage<any, any>

export interface SimulationOptions {
  readonly rules?: ChainRules
  /** Replaces a stage, and what is appended: tests that take a rule out. */
  readonly stage?: (stage: AnyStage) => AnyStage
  readonly tamper?: (topic: string, records: readonly NewRecord[]) => readonly NewRecord[]
  readonly trace?: (line: string) => void
}

export interface SimulationResult {
  readonly seed: number
  /** What is wrong; null: nothing. */
  readonly fault: string | null
  readonly virtualMs: number
  readonly events: number
  readonly accepted: number
  readonly skipped: number
  /** The log was rolled back and a task noticed. */
  readonly identityLost: boolean
}

const troubledMs = 500
/** By now every living task has met a log that was rolled back. */
const noticedMs = 6500
const maxEvents = 12_000
const silent = { warn() {}, info() {}, error() {}, debug() {} } as unknown as Logger
const noMeter = { add() {}, set() {}, observe() {} } as unknown as Meter
const topicsUsed = ['requests', 'events', 'recommendations', 'transitions', 'dead-letters'] as const

export async function simulateChain(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const world = createWorld(seed, options.trace ?? (() => {}))
  const partitions = new Map<string, SimulatedPartition>(topicsUsed.map(topic => [topic, createPartition(topic)]))
  const rollsBack = world.chance(0.1)
  const plan = {
    rollsBack,
    truncates: !rollsBack && world.chance(0.4),
    rivals: world.chance(0.7),
    trouble: 0.12 * world.random(),
  }
  const trouble = {
    lostAck: plan.trouble,
    late: plan.trouble,
    lost: plan.trouble,
    repeated: plan.trouble,
    unavailable: plan.trouble / 3,
  }
  const calm = (): boolean => world.nowMs > troubledMs
  const sea = {
    world,
    find: (topic: string) => partitions.get(topic),
    partitionCount: () => 1,
    trouble: () => (calm() ? noTrouble : trouble),
    ...(options.tamper && { tamper: options.tamper }),
  }
  const answers = viewChain(partitions.get('recommendations')!)
  const closed = viewChain(partitions.get('transitions')!)
  const believed: { topic: string; base: number; id: string }[] = []
  let fault: string | null = null
  let identityLost = false
  let processes = 0

  const rimOf = (process: Process): Rim => ({
    now: () => Math.floor(world.nowMs),
    sleep: (ms, signal) =>
      new Promise(resolve => {
        if (signal?.aborted) return process.deliver(0, resolve)
        signal?.addEventListener('abort', () => process.deliver(0, resolve), { once: true })
        process.deliver(ms, resolve)
      }),
    randomId: () =>
      (world.below(2 ** 32).toString(16) + world.below(2 ** 32).toString(16)).padStart(16, '0').slice(0, 16),
  })
  const died = (name: string, error: unknown): void => {
    world.trace(`${name} died: ${String(error)}`)
    if (isCode(error, 'CHAIN_IDENTITY_LOST') && plan.rollsBack) identityLost = true
    else if (!(isCode(error, 'OFFSET_OUT_OF_RANGE') && plan.truncates))
      fault ??= `${name}: ${error instanceof FeedloopError ? error.message : String((error as Error).stack)}`
  }
  const keepRunning = (slot: string, stage: AnyStage, inputs: readonly TaskInput[], output: TaskInput): void => {
    const process = createProcess(world, `${slot}#${++processes}`)
    world.trace(`${process.name} starts`)
    const task = startTask({
      log: openSimulatedLog(sea, process),
      wire: jsonWire,
      meter: noMeter,
      logger: silent,
      stage: options.stage?.(stage) ?? stage,
      prefix: '',
      inputs,
      output,
      view: () => ({ draw: () => 1 + world.below(1000) }),
      now: () => Math.floor(world.nowMs),
      rim: rimOf(process),
      rules: options.rules ?? chainRules,
      step: { intervalMs: 4, maxRecords: 8, maxBytes: 4096, progressMs: 40, idleMs: 60, maxBatchBytes: 9000 },
      accepted: ({ baseOffset, header }) =>
        void believed.push({ topic: output.topic, base: baseOffset, id: header.id }),
    })
    const again = (): void => world.after(5 + world.below(30), () => keepRunning(slot, stage, inputs, output))
    task.done.catch((error: unknown) => {
      died(process.name, error)
      again()
    })
    disturb(process, again)
  }
  /** Once in a while a process crashes at whatever it waits for, or freezes. */
  const disturb = (process: Process, again: () => void): void => {
    world.after(10 + 250 * world.random(), () => {
      if (calm() || !process.alive) return
      if (world.chance(0.5)) {
        world.trace(`${process.name} freezes`)
        process.freeze(20 + 250 * world.random())
        return disturb(process, again)
      }
      world.trace(`${process.name} crashes`)
      process.crash()
      again()
    })
  }
  const slots = plan.rivals ? ['a', 'b'] : ['a']
  const in0 = (topic: TopicName): TaskInput => ({ topic, partition: 0 })
  for (const slot of slots) {
    keepRunning(`summing-${slot}`, summing, [in0('events'), in0('requests')], in0('recommendations'))
    keepRunning(`closing-${slot}`, closing, [in0('recommendations'), in0('events')], in0('transitions'))
  }
  const written = feedInputs(world, partitions)
  if (plan.truncates)
    removeFront(
      world,
      partitions,
      () => answers.accepted(),
      () => closed.accepted(),
    )
  if (plan.rollsBack) rollBack(world, partitions)

  const finished = (): boolean => {
    if (fault !== null || identityLost) return true
    if (
      world.nowMs < (plan.rollsBack ? noticedMs : troubledMs) ||
      partitions.get('requests')!.latest < written.requests
    )
      return false
    return (
      covers(answers.accepted(), 'events', written.events) &&
      covers(answers.accepted(), 'requests', written.requests) &&
      covers(closed.accepted(), 'events', written.events) &&
      closedIn(closed.accepted()) >= written.answerable
    )
  }
  const events = await world.run(finished, maxEvents)
  if (fault === null && !identityLost) fault = judge()
  const accepted = answers.accepted().length + closed.accepted().length
  const all = partitions.get('recommendations')!.batches.length + partitions.get('transitions')!.batches.length
  return { seed, fault, virtualMs: world.nowMs, events, accepted, skipped: all - accepted, identityLost }

  function judge(): string | null {
    const [a, c] = [answers.accepted(), closed.accepted()]
    const answered = judgeAnswers(a, partitions)
    if (answered.fault !== null) return answered.fault
    const joined = judgeClosed(c, a, partitions)
    if (joined.fault !== null) return joined.fault
    if (!finished())
      return `not finished after ${events} events: ${answered.answers} answers, ${joined.closed} closed of ${written.answerable}`
    const lie = plan.rollsBack
      ? undefined
      : believed.find(
          one =>
            !(one.topic === 'transitions' ? c : a).some(batch => batch.base === one.base && batch.header.id === one.id),
        )
    if (lie !== undefined) return `${lie.topic}@${lie.base}/${lie.id} was believed accepted`
    const missing = lettersMissing(partitions)
    // A reader of a log that was rolled back may end in a fault where a task did not: a zombie of the lost part wrote.
    if (missing !== null || plan.rollsBack) return missing
    return (
      readsDiffer(world, partitions.get('transitions')!, c, options.rules) ??
      readsDiffer(world, partitions.get('recommendations')!, a, options.rules)
    )
  }
}

const covers = (chain: readonly AcceptedInLog[], topic: string, to: number): boolean =>
  (chain.at(-1)?.header.inputs.find(position => position.topic === topic)?.next ?? 0) >= to
const closedIn = (chain: readonly AcceptedInLog[]): number => chain.reduce((sum, { header }) => sum + header.outputs, 0)

/** Requests and events over the first part of the time; some do not decode, some are refused. */
function feedInputs(
  world: World,
  partitions: ReadonlyMap<string, SimulatedPartition>,
): { requests: number; events: number; answerable: number } {
  const written = { requests: 0, events: 0, answerable: 0 }
  const put = (topic: 'requests' | 'events'): void => {
    const odd = world.random()
    const value =
      odd < 0.04
        ? '?'
        : JSON.stringify({
            id: written.requests,
            n: 1 + world.below(9),
            ...(odd < 0.08 && topic === 'requests' && { refuse: true }),
          })
    written[topic]++
    if (topic === 'requests' && odd >= 0.08) written.answerable++
    const atMs = world.random() * (troubledMs - 50)
    world.after(atMs, () => void partitions.get(topic)!.append([{ key: null, value: Buffer.from(value) }], world.nowMs))
  }
  const requests = 4 + world.below(14)
  for (let i = 0; i < requests; i++) put('requests')
  for (let i = 4 + world.below(20); i > 0; i--) put('events')
  return written
}

/** Removes what every accepted step has behind it, keeping a first step with outputs and one that names it. */
function removeFront(
  world: World,
  partitions: ReadonlyMap<string, SimulatedPartition>,
  answers: () => readonly AcceptedInLog[],
  closed: () => readonly AcceptedInLog[],
): void {
  const next = (header: StepHeader, topic: string): number =>
    header.inputs.find(position => position.topic === topic)!.next
  const pick = (chain: readonly AcceptedInLog[], below: number): AcceptedInLog | undefined => {
    const able = chain.filter(
      (batch, i) => batch.header.outputs > 0 && i > 0 && i < chain.length - 1 && batch.base <= below,
    )
    return able[world.below(able.length)]
  }
  const cut = (topic: string, offset: number): void => {
    const at = partitions.get(topic)!
    at.earliest = Math.max(at.earliest, offset)
    world.trace(`${topic} begins at ${at.earliest}`)
  }
  world.after(100 + 500 * world.random(), () => {
    const last = pick(closed(), Number.POSITIVE_INFINITY)
    if (last === undefined) return
    const first = pick(answers(), next(last.header, 'recommendations'))
    if (first === undefined) return
    cut('transitions', last.base)
    cut('recommendations', first.base)
    cut('requests', next(first.header, 'requests'))
    cut('events', Math.min(next(first.header, 'events'), next(last.header, 'events')))
  })
}

function rollBack(world: World, partitions: ReadonlyMap<string, SimulatedPartition>): void {
  world.after(100 + 400 * world.random(), () => {
    const at = partitions.get(world.chance(0.5) ? 'recommendations' : 'transitions')!
    const able = at.batches.slice(-4)
    const batch = able[world.below(able.length)]
    if (batch === undefined || batch.base < at.earliest) return
    world.trace(`${at.topic} is rolled back to ${batch.base}`)
    at.rollBackTo(batch.base)
  })
}

/** Every record that could not be read or was refused is in the dead letters. */
function lettersMissing(partitions: ReadonlyMap<string, SimulatedPartition>): string | null {
  const buried = new Set(
    partitions.get('dead-letters')!.batches.flatMap(batch => batch.records.map(record => parseDeadLetter(record)?.id)),
  )
  for (const topic of ['requests', 'events']) {
    for (const { records } of partitions.get(topic)!.batches) {
      const record = records[0]!
      const refused = record.value![0] === 63 || refusable(JSON.parse(record.value!.toString()))
      if (refused && !buried.has(`${topic}/0/${record.offset}`)) return `${topic}@${record.offset} is in no dead letter`
    }
  }
  return null
}

/** Reads from the beginning, from a stored head and from any offset, in pieces of any size. */
function readsDiffer(
  world: World,
  partition: SimulatedPartition,
  chain: readonly AcceptedInLog[],
  rules = chainRules,
): string | null {
  const records = partition.batches.flatMap(batch => batch.records)
  const read = (from: number, reader: ReturnType<typeof createReader>): number[] => {
    const found: number[] = []
    for (let at = from; at < records.length; ) {
      const piece = records.slice(at, at + 1 + world.below(6))
      at += piece.length
      for (const batch of reader.feed(piece)) found.push(batch.head.offset)
    }
    return found
  }
  const expected = (from: number): string =>
    chain
      .filter(batch => batch.base >= from)
      .map(batch => batch.base)
      .join()
  if (read(0, createReader({ from: 'genesis' }, rules)).join() !== expected(0))
    return `${partition.topic} read from its beginning differs`
  const head = chain[world.below(chain.length)]
  if (
    head !== undefined &&
    read(head.base, createReader({ from: 'head', head: headIn(head), reread: true }, rules)).join() !==
      expected(head.base)
  )
    return `${partition.topic} read from head ${head.base} differs`
  const offset = world.below(partition.latest + 1)
  const anywhere = createReader({ from: 'offset', offset }, rules)
  const found = read(offset, anywhere)
  const witnessed = chain.some(batch => batch.header.prev !== null && batch.header.prev.offset >= offset)
  if (found.join() !== (witnessed ? expected(offset) : ''))
    return `${partition.topic} read from offset ${offset} differs: ${found.join()} for ${expected(offset)}`
  return null
}
