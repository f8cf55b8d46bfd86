/** Every transition's revisions are 0, 1, 2 … and come to what the batch join says; no other transition is there. */
import type { Transition } from '../../../schemas/records.ts'
import type { Config } from '../../config.ts'
import type { BatchJoin, ExpectedTransition } from '../batch.ts'
import { differ, type Ledger } from './ledger.ts'

/** What the audit keeps of one transition: little, so that a partition fits in memory. */
export interface Account {
  readonly decisionId: string
  revisions: number
  inOrder: boolean
  readonly sums: Record<string, number>
  cumulative: Readonly<Record<string, number>>
  nextId: string | null
  /** γ^Δt to it; null: there is none. */
  discount: number | null
  end: 'terminated' | 'truncated' | null
}

export type Accounts = Map<string, Account>

/** What is booked of a revision. */
export type Booked = Pick<
  Transition,
  | 'transition_id'
  | 'decision_id'
  | 'revision'
  | 'kind'
  | 'delta'
  | 'cumulative'
  | 'next_decision_id'
  | 'discount'
  | 'terminated'
  | 'truncated'
>

/** Books one accepted revision. */
export function book(accounts: Accounts, transition: Booked): void {
  const { transition_id: id, decision_id: decisionId, revision, kind, delta } = transition
  const account = accounts.get(id) ?? {
    decisionId,
    revisions: 0,
    inOrder: true,
    sums: {},
    cumulative: {},
    nextId: null,
    discount: null,
    end: null,
  }
  accounts.set(id, account)
  if (revision !== account.revisions || (revision === 0) !== (kind === 'initial')) account.inOrder = false
  account.revisions++
  for (const [component, change] of Object.entries(delta))
    account.sums[component] = (account.sums[component] ?? 0) + change
  account.cumulative = transition.cumulative
  account.nextId = transition.next_decision_id
  account.discount = transition.discount
  account.end = transition.terminated ? 'terminated' : transition.truncated ? 'truncated' : null
}

/** How a decision's transitions are judged: not at all, by their revisions alone, or by all that they must come to. */
export type Judgement = 'unjudged' | 'revisions' | 'whole'

export interface TransitionFacts {
  readonly batch: BatchJoin
  readonly judgement: (decisionId: string) => Judgement
  /** Its transitions may still come. */
  readonly isOpen: (decisionId: string) => boolean
}

export function auditTransitions(ledger: Ledger, accounts: Accounts, { batch, judgement, isOpen }: TransitionFacts) {
  ledger.transitions.total += accounts.size
  for (const [id, account] of accounts) {
    ledger.transitions.revisions += account.revisions
    const how = judgement(account.decisionId)
    if (how === 'unjudged') {
      ledger.transitions.unjudged++
      continue
    }
    compareRevisions(ledger, id, account)
    const expected = batch.transitions.get(id)
    if (how === 'revisions') continue
    if (!expected) differ(ledger, 'transition_unexpected', id, { expected: 'none', found: account.sums })
    else compare(ledger, id, expected, account)
  }
  for (const [id, { decisionId, rewards }] of batch.transitions)
    if (!accounts.has(id) && !isOpen(decisionId) && judgement(decisionId) === 'whole')
      differ(ledger, 'transition_missing', id, { expected: rewards, found: 'none' })
}

function compareRevisions(ledger: Ledger, id: string, { inOrder, revisions, sums, cumulative }: Account): void {
  if (!inOrder) differ(ledger, 'revisions_not_in_order', id, { expected: '0, 1, 2 …', found: `${revisions} revisions` })
  else if (!sameRewards(sums, cumulative))
    differ(ledger, 'cumulative_differs', id, { expected: sums, found: cumulative })
}

function compare(ledger: Ledger, id: string, expected: ExpectedTransition, account: Account): void {
  if (!sameRewards(expected.rewards, account.sums))
    differ(ledger, 'reward_differs', id, { expected: expected.rewards, found: account.sums })
  if (expected.nextId !== account.nextId)
    differ(ledger, 'next_differs', id, { expected: expected.nextId, found: account.nextId })
  if (expected.discount !== account.discount)
    differ(ledger, 'discount_differs', id, { expected: expected.discount, found: account.discount })
  // an episode may be truncated later, when its gap has passed
  const notYet = expected.end === 'truncated' && account.end === null
  if (expected.end !== account.end && !notYet)
    differ(ledger, 'end_differs', id, { expected: expected.end, found: account.end })
}

/** Equal up to rounding of sums of deltas. */
function sameRewards(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const near = (x: number, y: number) => Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y))
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every(key => near(a[key] ?? 0, b[key] ?? 0))
}

/** Policies whose transitions come only when their window is over. */
export const atClose = (config: Config): ReadonlyMap<string, number> =>
  new Map(config.policies.filter(each => each.learn === 'at-close').map(each => [each.name, each.attributionWindowMs]))
