/** Every request id is decided once, refused, or not reached yet. */
import type { Request } from '../../../schemas/records.ts'
import { differ, type Ledger } from './ledger.ts'
import type { DeadLetters, Read } from './read.ts'

export interface RequestFacts {
  readonly partition: number
  readonly requests: readonly Read<Pick<Request, 'request_id'>>[]
  readonly decided: ReadonlySet<string>
  readonly letters: DeadLetters
  /** Offset up to which the ranker has come. */
  readonly next: number
  /** Decisions may be gone. */
  readonly isCut: boolean
}

export function auditRequests(ledger: Ledger, facts: RequestFacts): void {
  const { partition, requests, decided, letters, next, isCut } = facts
  const fates = new Map<string, 'decided' | 'refused' | 'pending' | 'lost'>()
  for (const { offset, value } of requests) {
    const id = value?.request_id ?? `requests/${partition}/${offset}`
    const before = fates.get(id)
    ledger.requests.total++
    if (before === 'decided' || before === 'pending') ledger.requests.duplicate++
    else if (decided.has(id)) fates.set(id, 'decided')
    else if (letters.code('ranker', 'requests', partition, offset)) ledger.requests.refused++
    else fates.set(id, offset >= next ? 'pending' : 'lost')
  }
  for (const [id, fate] of fates)
    if (fate === 'lost' && isCut) ledger.requests.unjudged++
    else if (fate === 'lost')
      differ(ledger, 'request_lost', id, { expected: 'a decision or a dead letter', found: 'neither' })
    else if (fate !== 'refused') ledger.requests[fate]++
}
