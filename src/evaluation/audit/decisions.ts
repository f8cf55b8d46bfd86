/** Every decision ends in exactly one way: learned (with reward or by default), or not, with the reason. */
import type { Recommendation } from '../../../schemas/records.ts'
import type { BatchJoin } from '../batch.ts'
import { differ, type Ledger } from './ledger.ts'
import type { DeadLetters, Read } from './read.ts'
import type { Accounts } from './transitions.ts'
import type { Moment } from './walk.ts'

export interface Decided extends Read<Recommendation> {
  readonly moment: Moment | null
}

/** A decision that the joiner took and did not refuse. */
export interface JudgedDecision {
  readonly value: Recommendation
  readonly moment: Moment
}

/** Accepted decisions, each once, without those that the joiner refused or has not come to. */
export function siftDecisions(
  ledger: Ledger,
  decisions: readonly Decided[],
  letters: DeadLetters,
  partition: number,
): JudgedDecision[] {
  const seen = new Set<string>()
  const sifted: JudgedDecision[] = []
  for (const { offset, value, moment } of decisions) {
    const at = `${partition}/${offset}`
    const id = value?.decision_id ?? `recommendations/${at}`
    const letter = letters.code('joiner', 'recommendations', partition, offset)
    if (seen.has(id) && !letter) {
      differ(ledger, 'decided_twice', id, { expected: 'once', found: `again at ${at}` })
      continue
    }
    seen.add(id)
    ledger.decisions.total++
    if (!value && !letter && moment)
      differ(ledger, 'decision_unreadable', id, { expected: 'a dead letter', found: 'none' })
    if (letter || (!value && moment)) ledger.decisions.quarantined++
    else if (!value || !moment) ledger.decisions.open++
    else sifted.push({ value, moment })
  }
  return sifted
}

/** Counts each judged decision by its fate. */
export function countDecisions(
  ledger: Ledger,
  batch: BatchJoin,
  accounts: Accounts,
  isJudged: (id: string) => boolean,
) {
  const learned = new Set([...accounts.values()].map(account => account.decisionId))
  const rewarded = new Set([...batch.transitions.values()].filter(each => each.rewarded).map(each => each.decisionId))
  for (const [id, fate] of batch.decisions)
    if (!isJudged(id)) ledger.decisions.unjudged++
    else if (fate !== 'open') ledger.decisions[fate]++
    else if (!learned.has(id)) ledger.decisions.open++
    else ledger.decisions[rewarded.has(id) ? 'learnedWithReward' : 'learnedByDefault']++
}
