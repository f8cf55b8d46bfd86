/** Every event ends once: joined, correction, duplicate, orphan, quarantined, organic, or not reached yet. */
import type { BehaviorEvent } from '../../../schemas/records.ts'
import { validateEvent } from '../../events/validate.ts'
import { partitionFor } from '../../log/partition.ts'
import type { BatchJoin } from '../batch.ts'
import { differ, type Ledger } from './ledger.ts'
import { type AuditSource, type DeadLetters, letterKey, type Read } from './read.ts'

export interface EventFacts {
  readonly source: AuditSource
  readonly partition: number
  /** Partition count of the topic. */
  readonly partitions: number
  readonly events: readonly Read<BehaviorEvent>[]
  readonly letters: DeadLetters
  /** Offset up to which the joiner has come. */
  readonly next: number
}

export interface Accepted {
  readonly event: BehaviorEvent
  readonly offset: number
}

const codeOf = ({ source, partition, letters }: EventFacts, offset: number): string | undefined =>
  letters.get(letterKey('joiner', source.prefix, 'events', `${partition}/${offset}`))?.code

/** Sorts out what the joiner must have refused or known already; what is left is for the batch join. */
export function sift(ledger: Ledger, facts: EventFacts): Accepted[] {
  const seen = new Map<string, string>()
  const accepted: Accepted[] = []
  for (const { offset, value } of facts.events) {
    ledger.outcomes.total++
    if (offset >= facts.next) {
      ledger.outcomes.pending++
      continue
    }
    const code = codeOf(facts, offset)
    const content = value && JSON.stringify(value)
    const before = value && seen.get(value.event_id)
    if (!value || isFlawed(value, facts) || code === 'TIME_IN_FUTURE' || (before && before !== content)) {
      ledger.outcomes.quarantined++
      const id = value?.event_id ?? `events/${facts.partition}/${offset}`
      if (!code) differ(ledger, 'outcome_not_refused', id, { expected: 'a dead letter', found: 'none' })
    } else if (before) ledger.outcomes.duplicate++
    else {
      seen.set(value.event_id, content!)
      accepted.push({ event: value, offset })
    }
  }
  return accepted
}

/** Whatever the clock was: only the future depends on it. */
const isFlawed = (event: BehaviorEvent, { source, partition, partitions }: EventFacts): boolean =>
  validateEvent(event, Number.MAX_SAFE_INTEGER, source.config.limits) !== null ||
  partitionFor(event.user_id, partitions) !== partition

export interface Judged {
  readonly batch: BatchJoin
  readonly nowMs: number
  readonly keepMs: number
}

/** Gives each accepted event its fate by the batch join, and compares refusals. */
export function auditOutcomes(ledger: Ledger, facts: EventFacts, accepted: readonly Accepted[], judged: Judged): void {
  for (const { event, offset } of accepted) {
    const fate = judged.batch.outcomes.get(event.event_id)!
    const code = codeOf(facts, offset)
    const waiting = fate === 'orphan' && event.time_ms + judged.keepMs > judged.nowMs
    ledger.outcomes[waiting ? 'pending' : fate]++
    if (fate === 'quarantined' && !code)
      differ(ledger, 'outcome_not_refused', event.event_id, { expected: 'a dead letter', found: 'none' })
    if (fate !== 'quarantined' && code && code !== 'OUTCOME_ORPHAN')
      differ(ledger, 'outcome_refused', event.event_id, { expected: fate, found: code })
  }
}
