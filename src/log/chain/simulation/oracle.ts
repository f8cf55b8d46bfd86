/**
 * What must be true of a simulated history, found without the code under test: the accepted batches by a plain loop
 * over the whole log, and the outputs by a sequential run over the ranges and ticks that the headers claim.
 */
import type { LogRecord } from '../../log.ts'
import type { Head, StepHeader } from '../header.ts'
import type { SimulatedPartition, StoredBatch } from './log.ts'
import type { Answer, Closed, Joins, Open, Pair, Sum } from './stages.ts'
import { openForMs } from './stages.ts'

export interface AcceptedInLog extends StoredBatch {
  readonly header: StepHeader
}

/** The chain of a partition, kept up as it grows. */
export interface ChainView {
  accepted(): readonly AcceptedInLog[]
}

export function viewChain(partition: SimulatedPartition): ChainView {
  let accepted: AcceptedInLog[] = []
  let seen = 0
  let lastSeen: StoredBatch | undefined
  return {
    accepted() {
      if (lastSeen !== undefined && partition.batches[seen - 1] !== lastSeen) {
        accepted = []
        seen = 0
      }
      for (; seen < partition.batches.length; seen++) {
        const batch = partition.batches[seen]!
        const head = accepted.at(-1)
        const prev = batch.header!.prev
        const follows =
          prev === null
            ? head === undefined
            : head !== undefined && prev.offset === head.base && prev.id === head.header.id
        if (follows) accepted.push(batch as AcceptedInLog)
      }
      lastSeen = partition.batches[seen - 1]
      return accepted
    },
  }
}

export type Partitions = ReadonlyMap<string, SimulatedPartition>

interface Ranged {
  /** By topic. */
  readonly taken: Inputs
  readonly tick: StepHeader['tick']
}

export interface Judged {
  readonly fault: string | null
  readonly answers: number
  readonly closed: number
}

interface Value {
  readonly n: number
  readonly id: number
  readonly refuse?: boolean
}

const unreadable = (record: LogRecord): boolean => record.value![0] === 63
const parsed = <T>(record: LogRecord): T => JSON.parse(record.value!.toString()) as T
const readable = (records: readonly LogRecord[]): Value[] =>
  records
    .filter(record => !unreadable(record))
    .map(record => parsed<Value>(record))
    .filter(value => !value.refuse)

type Inputs = Readonly<Record<string, readonly LogRecord[]>>

/** Goes through a chain, checking that its ranges go through each of its inputs without a gap or an overlap. */
function* walk(
  chain: readonly AcceptedInLog[],
  inputs: Inputs,
): Generator<{ batch: AcceptedInLog; steps: Ranged[] } | { fault: string }> {
  const reached = Object.fromEntries(Object.keys(inputs).map(topic => [topic, 0]))
  for (const batch of chain) {
    const { header } = batch
    const ends = [...(header.quiet ?? []), { next: header.inputs.map(({ next }) => next), tick: header.tick }]
    const steps: Ranged[] = []
    for (const { next, tick } of ends) {
      const taken: Record<string, readonly LogRecord[]> = {}
      for (const [i, { topic }] of header.inputs.entries()) {
        const [from, to] = [reached[topic]!, next[i]!]
        if (to < from) yield { fault: `${batch.base} goes back` }
        taken[topic] = inputs[topic]!.filter(({ offset }) => offset >= from && offset < to)
        reached[topic] = to
      }
      steps.push({ taken, tick })
    }
    yield { batch, steps }
  }
}

/** The sequential run of `summing` over what its chain claims. */
export function judgeAnswers(chain: readonly AcceptedInLog[], partitions: Partitions): Judged {
  const all = (topic: string): LogRecord[] => partitions.get(topic)!.batches.flatMap(batch => batch.records)
  let state: Sum = { sum: 0, lastMs: 0, answered: 0 }
  for (const one of walk(chain, { requests: all('requests'), events: all('events') })) {
    if ('fault' in one) return { fault: one.fault, answers: state.answered, closed: 0 }
    const outputs = outputsOf<Answer>(one.batch)
    for (const { taken, tick } of one.steps) {
      for (const { n } of readable(taken.events!)) state = { ...state, sum: state.sum + n }
      for (const { id } of readable(taken.requests!)) {
        const output = outputs.shift()
        const right = output?.id === id && output.sum === state.sum && output.sinceMs === tick.timeMs - state.lastMs
        if (!right)
          return {
            fault: `recommendations@${one.batch.base}: ${JSON.stringify(output)} where request ${id} after ${JSON.stringify(state)} at ${tick.timeMs} is due`,
            answers: state.answered,
            closed: 0,
          }
        state = { sum: state.sum + output.draw, lastMs: tick.timeMs, answered: state.answered + 1 }
      }
    }
    if (outputs.length > 0)
      return {
        fault: `recommendations@${one.batch.base}: ${outputs.length} answers too many`,
        answers: state.answered,
        closed: 0,
      }
  }
  return { fault: null, answers: state.answered, closed: 0 }
}

/** The sequential run of `closing` over what its chain claims and the accepted recommendations. */
export function judgeClosed(
  chain: readonly AcceptedInLog[],
  upstream: readonly AcceptedInLog[],
  partitions: Partitions,
): Judged {
  const recommendations = recordsOf(upstream)
  const events = partitions.get('events')!.batches.flatMap(batch => batch.records)
  let state: Joins = { open: [], events: 0 }
  let closed = 0
  const fault = (text: string): Judged => ({ fault: `transitions@${text}`, answers: 0, closed })
  for (const one of walk(chain, { recommendations, events })) {
    if ('fault' in one) return fault(one.fault)
    const outputs = outputsOf<Closed>(one.batch)
    for (const step of one.steps) {
      const opened: Open[] = step.taken
        .recommendations!.map(record => parsed<Answer>(record))
        .map(({ id, sum }) => ({ id, sum, closesMs: step.tick.timeMs + openForMs }))
      for (const { n } of readable(step.taken.events!)) state = { ...state, events: state.events + n }
      state = { ...state, open: [...state.open, ...opened] }
      for (const due of state.open.filter(({ closesMs }) => closesMs <= step.tick.timeMs)) {
        const output = outputs.shift()
        const right =
          output?.id === due.id &&
          output.sum === due.sum &&
          output.events === state.events &&
          output.tickMs === step.tick.timeMs
        if (!right)
          return fault(
            `${one.batch.base}: ${JSON.stringify(output)} where ${JSON.stringify(due)} is due with ${state.events}`,
          )
        state = { ...state, open: state.open.filter(open => open !== due) }
        closed++
      }
    }
    if (outputs.length > 0) return fault(`${one.batch.base}: ${outputs.length} too many`)
  }
  return { fault: null, answers: 0, closed }
}

/** The sequential run of `pairing` over what its chain claims and the two accepted chains: those that it reads, in order. */
export function judgePairs(
  chain: readonly AcceptedInLog[],
  answers: readonly AcceptedInLog[],
  closed: readonly AcceptedInLog[],
): string | null {
  const waiting = { recommendations: new Map<number, Answer>(), transitions: new Map<number, Closed>() }
  let pairs = 0
  for (const one of walk(chain, { recommendations: recordsOf(answers), transitions: recordsOf(closed) })) {
    if ('fault' in one) return `releases@${one.fault}`
    const outputs = outputsOf<Pair>(one.batch)
    for (const { taken, tick } of one.steps)
      for (const topic of ['recommendations', 'transitions'] as const)
        for (const record of taken[topic]!) {
          const half = parsed<Answer & Closed>(record)
          waiting[topic].set(half.id, half)
          const [answer, close] = [waiting.recommendations.get(half.id), waiting.transitions.get(half.id)]
          if (answer === undefined || close === undefined) continue
          const { after: _, ...output } = outputs.shift() ?? ({} as Partial<Pair>)
          const { id, sum } = answer
          const answerFirst = topic === 'transitions'
          const due = { id, sum, events: close.events, before: pairs++, answerFirst, tickMs: tick.timeMs }
          if (JSON.stringify(output) !== JSON.stringify(due))
            return `releases@${one.batch.base}: ${JSON.stringify(output)} where ${JSON.stringify(due)} is due`
        }
    if (outputs.length > 0) return `releases@${one.batch.base}: ${outputs.length} too many`
  }
  return null
}

const recordsOf = (chain: readonly AcceptedInLog[]): LogRecord[] =>
  chain.flatMap(batch => (batch.header.outputs === 0 ? [] : batch.records))

const outputsOf = <T>(batch: AcceptedInLog): T[] =>
  batch.header.outputs === 0 ? [] : batch.records.map(record => parsed<T>(record))

export const headIn = (batch: AcceptedInLog): Head => ({ offset: batch.base, id: batch.header.id })
