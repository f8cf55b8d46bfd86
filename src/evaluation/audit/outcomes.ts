/** Every event ends once: joined, correction, duplicate, orphan, quarantined, organic, forgotten, or not reached yet. */
import type { BehaviorEvent } from '../../../schemas/records.ts'
import type { Config } from '../../config.ts'
import { validateEvent } from '../../events/validate.ts'
import { partitionFor } from '../../log/partition.ts'
import { seedOf } from '../../state/random.ts'
import type { BatchJoin, OutcomeFate } from '../batch.ts'
import { differ, type Ledger } from './ledger.ts'
import type { DeadLetters, Read } from './read.ts'
import { idOf, openMemory } from './repeats.ts'
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

/** An event that the joiner took, whole, and did not know. */
export interface JudgedEvent {
  readonly event: BehaviorEvent
  readonly offset: number
  readonly moment: Moment
  /** Or it knew it still, and left it at that. */
  readonly mayBeKnown: boolean
}

const codeOf = ({ partition, letters }: EventFacts, offset: number) =>
  letters.code('joiner', 'events', partition, offset)

/** Sorts out what the joiner must have refused or known already; what is left is for the batch join. */
export function sift(ledger: Ledger, events: readonly Occurred[], facts: EventFacts, keepMs: number): JudgedEvent[] {
  const memory = openMemory(keepMs)
  const accepted: JudgedEvent[] = []
  for (const { offset, value, moment } of events) {
    ledger.outcomes.total++
    if (!moment) {
      ledger.outcomes.pending++
      continue
    }
    const code = codeOf(facts, offset)
    const content = value && seedOf(JSON.stringify(value))
    const known = value && memory.recall(value.event_id, moment)
    const isOther = known !== null && known.content !== content
    // the same id may have come before from another person, whose bucket is another: the letter is believed
    const contradicts = code === 'RECORD_CONTRADICTS' || (isOther && known.isSure)
    // a limit of today says nothing of what was taken under another
    if (value && !code && moment.context && isFlawed(value, moment, facts)) ledger.outcomes.unjudged++
    else if (!value || isFlawed(value, moment, facts) || contradicts) {
      ledger.outcomes.quarantined++
      const id = value?.event_id ?? `events/${facts.partition}/${offset}`
      if (!code) differ(ledger, 'outcome_not_refused', id, { expected: 'a dead letter', found: 'none' })
    } else if (known?.isSure) ledger.outcomes.duplicate++
    else {
      const event = memory.note(value, content!, { offset, moment })
      accepted.push({ event, offset, moment, mayBeKnown: known !== null && !isOther })
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
  for (const { event, offset, moment, mayBeKnown } of accepted) {
    const code = codeOf(facts, offset)
    const id = idOf(event)
    const fate = fateOf(batch.outcomes.get(event.event_id)!, code, unsure.has(event.decision_id ?? ''))
    const unrefused = fate === 'orphan' && !code
    const waits = unrefused && event.time_ms + keepMs + SLACK_MS > nowMs
    const mayBeOfGone = unrefused && !waits && event.time_ms - keepMs <= goneUntilMs
    if (moment.context || mayBeOfGone || strangers.has(event.decision_id ?? '')) {
      ledger.outcomes.unjudged++
      continue
    }
    if (mayBeKnown && !code) {
      ledger.outcomes.duplicate++
      continue
    }
    ledger.outcomes[waits ? 'pending' : fate]++
    if ((fate === 'quarantined' || (fate === 'orphan' && !waits)) && !code)
      differ(ledger, 'outcome_not_refused', id, { expected: 'a dead letter', found: 'none' })
    if (fate !== 'quarantined' && code && !ofTheMoment.has(code))
      differ(ledger, 'outcome_refused', id, { expected: fate, found: code })
  }
}
