/**
 * The walk: one partition's records in the order in which the joiner's accepted steps took them, merged by the positions
 * in the steps' headers, each with what the joiner knew then: the step, its tick, and the joiner's clock. One pass, one
 * batch in memory.
 *
 * What was taken by steps that retention has removed, or beside records that it has removed, is context: it explains
 * what comes later and is not judged itself. So is a decision of that time that was taken later: what people did may have
 * been read before it, and is gone. And so is what the joiner took while it was configured otherwise.
 */
import type { BehaviorEvent, Recommendation, Transition } from '../../../schemas/records.ts'
import { validateEvent } from '../../events/validate.ts'
import type { Batch } from '../../log/chain/batches.ts'
import type { StepHeader } from '../../log/chain/header.ts'
import type { LogRecord } from '../../log/log.ts'
import { topicName } from '../../pipeline.ts'
import { joinerRules } from '../../transitions/rules-print.ts'
import { type AuditSource, batchesOf, decoded, nextOf, type Part, type Read, recordsOf } from './read.ts'

/** Windows that are over by the joiner's clock are closed within this of it: timers fire in buckets, and what does not fit
 * one step goes into the next. */
export const SLACK_MS = 60_000

/** When the joiner took a record. */
export interface Moment {
  /** Number of the step. */
  readonly step: number
  /** Its tick, ms. */
  readonly tickMs: number
  /** The joiner's clock before it: what had retired by then was gone. */
  readonly clockMs: number
  readonly context: boolean
}

export interface WalkVisitor {
  /** `moment` null: the joiner has not come to it. */
  decision(read: Read<Recommendation>, moment: Moment | null): void
  event(read: Read<BehaviorEvent>, moment: Moment | null): void
  transition(record: LogRecord, value: Transition | null): void
}

export interface Walk {
  /** Of the last accepted step; null: none. */
  readonly header: StepHeader | null
  /** Offset of `requests` up to which the ranker has come. */
  readonly ranked: number
  /** The joiner's clock in the end, ms. */
  readonly nowMs: number
  readonly skippedBatches: number
  /** Something that came before is gone. */
  readonly isCut: boolean
  /** Tick of the last step that took something that is gone, ms; -Infinity: none did. */
  readonly goneUntilMs: number
}

export interface WalkOptions {
  readonly partition: number
  /** Ends of the chains when the audit began. */
  readonly until: { readonly transitions: number; readonly recommendations: number }
  readonly visit: WalkVisitor
}

/** @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID */
export async function walkJoiner(source: AuditSource, { partition, until, visit }: WalkOptions): Promise<Walk> {
  const clock = createClock()
  const events = peekable(recordsOf(source, { topic: 'events', partition }))
  let ranked = 0
  const decisions = peekable(
    acceptedRecords(source, part('recommendations', partition, until.recommendations), batch => {
      ranked = nextOf(batch.header, 'requests', partition)
    }),
  )
  const beginning = async (topic: 'events' | 'recommendations') =>
    (await source.log.ends(topicName(source.prefix, topic), partition)).earliest
  const [eventsFrom, decisionsFrom] = [await beginning('events'), await beginning('recommendations')]
  let header: StepHeader | null = null
  let isCut = decisionsFrom > 0 || eventsFrom > 0
  let skippedBatches = 0
  let step = 0
  const rules = joinerRules(source.config)
  /** Was the joiner configured otherwise for the policy when it took the step? */
  const isOther = (of: StepHeader, policy: string): boolean =>
    (of.rules?.[policy] ?? rules[policy]) !== rules[policy] && rules[policy] !== undefined
  /** How far the steps before have come. */
  let taken = { events: 0, decisions: 0 }
  // outcomes of decisions before this time may have been taken with what is gone
  let goneUntilMs = Number.NEGATIVE_INFINITY
  const backwardMs = Math.max(...source.config.policies.map(policy => policy.backwardWindowMs))

  const takeDecisions = async (of: StepHeader, next: number, moment: Moment): Promise<void> => {
    for (let record = await decisions.below(next); record; record = await decisions.below(next)) {
      const value = await decoded<Recommendation>(source, 'recommendations', record)
      if (value) clock.see(value.request_time_ms)
      const isContext =
        value !== null && (value.request_time_ms - backwardMs <= goneUntilMs || isOther(of, value.policy))
      visit.decision({ offset: record.offset, value }, { ...moment, context: moment.context || isContext })
    }
  }
  const takeEvents = async (next: number, moment: Moment): Promise<void> => {
    for (let record = await events.below(next); record; record = await events.below(next)) {
      const value = await decoded<BehaviorEvent>(source, 'events', record)
      if (value && !validateEvent(value, moment.tickMs, source.config.limits)) clock.see(value.time_ms)
      visit.event({ offset: record.offset, value }, moment)
    }
  }
  const take = async (of: StepHeader, next: readonly number[], isFirst: boolean): Promise<void> => {
    const at = (topic: string) => next[of.inputs.findIndex(input => input.topic === topic)] ?? 0
    const context = isFirst || taken.events < eventsFrom || taken.decisions < decisionsFrom
    if (context) goneUntilMs = of.tick.timeMs
    const moment = { step: step++, tickMs: of.tick.timeMs, clockMs: clock.nowMs, context }
    taken = { events: at('events'), decisions: at('recommendations') }
    await takeDecisions(of, taken.decisions, moment)
    const anyOther = Object.keys(of.rules ?? {}).some(policy => isOther(of, policy))
    await takeEvents(taken.events, { ...moment, context: context || anyOther })
  }
  for await (const batch of batchesOf(source, part('transitions', partition, until.transitions), count => {
    skippedBatches = count
  })) {
    const { header: own } = batch
    const isFirst = header === null && own.prev !== null && own.from === undefined
    isCut ||= isFirst
    for (const quiet of own.quiet ?? []) {
      await take({ ...own, tick: quiet.tick }, quiet.next, isFirst)
      clock.end(quiet.tick)
    }
    await take(
      own,
      own.inputs.map(input => input.next),
      isFirst,
    )
    clock.end(own.tick)
    for (const record of batch.records)
      visit.transition(record, await decoded<Transition>(source, 'transitions', record))
    header = own
  }
  await rest(source, { events, decisions, visit })
  return { header, ranked, nowMs: clock.nowMs, skippedBatches, isCut, goneUntilMs }
}

const part = (topic: 'transitions' | 'recommendations', partition: number, until: number): Part => ({
  topic,
  partition,
  until,
})

async function* acceptedRecords(source: AuditSource, of: Part, see: (batch: Batch) => void): AsyncGenerator<LogRecord> {
  for await (const batch of batchesOf(source, of)) {
    see(batch)
    yield* batch.records
  }
}

interface Rest {
  readonly events: Peekable
  readonly decisions: Peekable
  readonly visit: WalkVisitor
}

async function rest(source: AuditSource, { events, decisions, visit }: Rest): Promise<void> {
  const all = Number.POSITIVE_INFINITY
  for (let record = await decisions.below(all); record; record = await decisions.below(all))
    visit.decision({ offset: record.offset, value: await decoded(source, 'recommendations', record) }, null)
  for (let record = await events.below(all); record; record = await events.below(all))
    visit.event({ offset: record.offset, value: await decoded(source, 'events', record) }, null)
}

interface Peekable {
  /** Takes the next record when its offset is below `next`. */
  below(next: number): Promise<LogRecord | null>
}

function peekable(records: AsyncGenerator<LogRecord>): Peekable {
  let ahead: Promise<IteratorResult<LogRecord>> | null = null
  return {
    async below(next) {
      ahead ??= records.next()
      const { done, value } = await ahead
      if (done || value.offset >= next) return null
      ahead = null
      return value
    },
  }
}

/** The joiner's clock (src/transitions/state.ts), from what the steps say of themselves. */
function createClock() {
  let nowMs = -1
  let newestMs = -1
  let inputAtMs = 0
  let seen = false
  return {
    get nowMs() {
      return nowMs
    },
    see(timeMs: number) {
      newestMs = Math.max(newestMs, timeMs)
      seen = true
    },
    end({ timeMs, watermarkMs }: StepHeader['tick']) {
      if (seen) inputAtMs = timeMs
      seen = false
      if (newestMs >= 0) nowMs = Math.max(nowMs, Math.min(watermarkMs, newestMs + Math.max(0, timeMs - inputAtMs)))
    },
  }
}
