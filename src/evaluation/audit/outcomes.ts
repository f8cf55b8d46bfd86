/** Every event ends once: joined, correction, duplicate, orphan, quarantined, organic, forgotten, or not reached yet. */
import type { BehaviorEvent } from '../../../schemas/records.ts'
import type { Config } from '../../config.ts'
import { validateEvent } from '../../events/validate.ts'
import { partitionFor } from '../../log/partition.ts'
import { seedOf } from '../../state/random.ts'
import type { BatchJoin, OutcomeFate } from '../batch.ts'
import { differ, type Ledger } from './ledger.ts'
import type { DeadLetters, Read } from './read.ts'
import { type Moment, SLACK_MS } from './walk.ts'

export interface Occurred extends Read<BehaviorEvent> {
  readonly moment: Moment | null
}

export interface EventFacts {
  readonly config: Config
  readonly partition: number
  /** Partition count of the topic. */
  readonly partitions: number
  readonly letters: DeadLetters
}

/** An event that the joiner took, whole and for the first time. */
export interface JudgedEvent {
  readonly event: BehaviorEvent
  readonly offset: number
  readonly moment: Moment
}

const codeOf = ({ partition, letters }: EventFacts, offset: number) =>
  letters.code('joiner', 'events', partition, offset)

/** Sorts out what the joiner must have refused or known already; what is left is for the batch join. */
export function sift(ledger: Ledger, events: readonly Occurred[], facts: EventFacts): JudgedEvent[] {
  const seen = new Map<string, number>()
  const accepted: JudgedEvent[] = []
  for (const { offset, value, moment } of events) {
    ledger.outcomes.total++
    if (!moment) {
      ledger.outcomes.pending++
      continue
    }
    const code = codeOf(facts, offset)
    const content = value && seedOf(JSON.stringify(value))
    const before = value && seen.get(value.event_id)
    // the same id may have come before from another person, whose bucket is another: the letter is believed
    const contradicts = code === 'RECORD_CONTRADICTS' || (before && before !== content)
    // a limit of today says nothing of what was taken under another
    if (value && !code && moment.context && isFlawed(value, moment, facts)) ledger.outcomes.unjudged++
    else if (!value || isFlawed(value, moment, facts) || contradicts) {
      ledger.outcomes.quarantined++
      const id = value?.event_id ?? `events/${facts.partition}/${offset}`
      if (!code) differ(ledger, 'outcome_not_refused', id, { expected: 'a dead letter', found: 'none' })
    } else if (before) ledger.outcomes.duplicate++
    else {
      seen.set(value.event_id, content!)
      accepted.push({ event: value, offset, moment })
    }
  }
  return accepted
}

/** By the tick of the step that took it. */
const isFlawed = (event: BehaviorEvent, { tickMs }: Moment, { config, partition, partitions }: EventFacts): boolean =>
  validateEvent(event, tickMs, config.limits) !== null || partitionFor(event.user_id, partitions) !== partition

/** Refusals that depend on when the step was taken: a step that lost its race may have left one for nothing. */
const ofTheMoment: ReadonlySet<string> = new Set(['OUTCOME_ORPHAN', 'TIME_IN_FUTURE'])

export interface Judged {
  readonly batch: BatchJoin
  /** The joiner's clock in the end, ms. */
  readonly nowMs: number
  /** The longest correction window. */
  readonly keepMs: number
  /** Decisions of before this time may be gone. */
  readonly goneUntilMs: number
  /** Decisions that are not judged. */
  readonly strangers: ReadonlySet<string>
  /** Decisions of which it cannot be known whether the joiner still had them when something came. */
  readonly unsure: ReadonlySet<string>
}

/** An outcome of another user's decision, which is in another bucket, or forgotten since, looks like an orphan here; so does
 * one of a decision near its end, that the joiner still had: both saw what was wrong with it. */
const fateOf = (fate: OutcomeFate, code: string | undefined, nearEnd: boolean): OutcomeFate => {
  if (fate !== 'orphan' || !code || ofTheMoment.has(code)) return fate
  return nearEnd || code === 'OUTCOME_WRONG_USER' ? 'quarantined' : fate
}

/** Gives each accepted event its fate by the batch join, and compares refusals. */
export function auditOutcomes(
  ledger: Ledger,
  accepted: readonly JudgedEvent[],
  facts: EventFacts,
  { batch, nowMs, keepMs, goneUntilMs, strangers, unsure }: Judged,
): void {
  for (const { event, offset, moment } of accepted) {
    const code = codeOf(facts, offset)
    const fate = fateOf(batch.outcomes.get(event.event_id)!, code, unsure.has(event.decision_id ?? ''))
    const unrefused = fate === 'orphan' && !code
    const waits = unrefused && event.time_ms + keepMs + SLACK_MS > nowMs
    const mayBeOfGone = unrefused && !waits && event.time_ms - keepMs <= goneUntilMs
    if (moment.context || mayBeOfGone || strangers.has(event.decision_id ?? '')) {
      ledger.outcomes.unjudged++
      continue
    }
    ledger.outcomes[waits ? 'pending' : fate]++
    if ((fate === 'quarantined' || (fate === 'orphan' && !waits)) && !code)
      differ(ledger, 'outcome_not_refused', event.event_id, { expected: 'a dead letter', found: 'none' })
    if (fate !== 'quarantined' && code && !ofTheMoment.has(code))
      differ(ledger, 'outcome_refused', event.event_id, { expected: fate, found: code })
  }
}
