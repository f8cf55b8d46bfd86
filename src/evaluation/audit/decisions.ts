/** Every decision ends in exactly one way: learned (with reward or by default), or not, with the reason. */
import type { Recommendation } from '../../../schemas/records.ts'
import type { BatchJoin } from '../batch.ts'
import { differ, type Ledger } from './ledger.ts'
import { type DeadLetters, letterKey, type Read } from './read.ts'
import type { Accounts } from './transitions.ts'

export interface DecisionFacts {
  readonly partition: number
  readonly prefix: string
  readonly decisions: readonly Read<Recommendation>[]
  readonly letters: DeadLetters
}

/** Accepted decisions, each once, without those that the joiner refused. */
export function siftDecisions(ledger: Ledger, facts: DecisionFacts): Read<Recommendation>[] {
  const { partition, prefix, decisions, letters } = facts
  const seen = new Set<string>()
  return decisions.filter(({ offset, value }) => {
    const at = `${partition}/${offset}`
    const id = value?.decision_id ?? `recommendations/${at}`
    if (seen.has(id)) {
      differ(ledger, 'decided_twice', id, { expected: 'once', found: `again at ${at}` })
      return false
    }
    seen.add(id)
    ledger.decisions.total++
    const letter = letters.get(letterKey('joiner', prefix, 'recommendations', at))
    if (!value && !letter) differ(ledger, 'decision_unreadable', id, { expected: 'a dead letter', found: 'none' })
    if (letter || !value) ledger.decisions.quarantined++
    return !letter && value !== null
  })
}

/** Counts each judged decision by its fate. @param pending those that the joiner has not come to */
export function countDecisions(ledger: Ledger, batch: BatchJoin, accounts: Accounts, pending: number): void {
  ledger.decisions.open += pending
  const learned = new Set([...accounts.values()].map(account => account.decisionId))
  const rewarded = new Set([...batch.transitions.values()].filter(each => each.rewarded).map(each => each.decisionId))
  for (const [id, fate] of batch.decisions)
    if (fate !== 'open') ledger.decisions[fate]++
    else if (!learned.has(id)) ledger.decisions.open++
    else ledger.decisions[rewarded.has(id) ? 'learnedWithReward' : 'learnedByDefault']++
}
