/**
 * Quotas that look ahead: a slot may take a candidate if and only if the slots after it can still meet every floor under
 * every cap. A plan for them is kept from slot to slot: what goes beside it needs no search, and there always is one, so that
 * floors that held before the first slot hold after the last. Those that could not are lowered before it (plan.ts: settle).
 */
import type { Quota } from '../../../schemas/records.ts'
import type { Pinned } from './limits.ts'
import { count, createLedger, type Plan, plansAfter, settle } from './plan.ts'

export interface Lookahead {
  /** In force, by quota. */
  readonly floors: readonly number[]
  /** Of the candidates that are left those that the next slot may take, into `out`. */
  allow(left: Uint8Array, out: Uint8Array): void
  /** A slot has it. Pinned ones count from the start. */
  show(candidate: number): void
}

/** @param left 1 a candidate that may be drawn
 * @param slots of the slate */
export function createLookahead(
  quotas: readonly Quota[],
  left: Uint8Array,
  pins: readonly Pinned[],
  slots: number,
): Lookahead {
  const { kindOf, quotasOf } = partition(quotas, left.length)
  const ledgerOf = (wanted: readonly Quota[]) => {
    const ledger = createLedger(wanted, quotasOf)
    for (let i = 0; i < left.length; i++) ledger.left[kindOf[i]] += left[i]
    for (const { candidate } of pins) count(ledger, kindOf[candidate])
    return ledger
  }
  const isPinned = new Set(pins.map(({ candidate }) => candidate))
  const settling = ledgerOf(quotas)
  const before = settling.lack.slice()
  let open = slots - pins.length
  let plan = settle(settling, open)
  const floors = quotas.map(({ floor }, q) => floor - before[q] + settling.lack[q])
  // Drawn from a ledger of the floors in force, with steps of its own, as whoever has the record makes it: settled
  // again, they come to the same plan in no more steps.
  const ledger = ledgerOf(quotas.map((quota, q) => ({ ...quota, floor: floors[q] })))
  let plans: readonly (Plan | null)[] = []
  return {
    floors,
    allow(still, out) {
      plans = plansAfter(ledger, plan, open)
      for (let i = 0; i < out.length; i++) out[i] = still[i] === 1 && plans[kindOf[i]] !== null ? 1 : 0
    },
    show(candidate) {
      if (isPinned.has(candidate)) return
      const kind = kindOf[candidate]
      plan = plans[kind]!
      count(ledger, kind)
      ledger.left[kind]--
      open--
    },
  }
}

/** The kind of each candidate, and the quotas that count it, of each kind. */
function partition(quotas: readonly Quota[], candidates: number) {
  const kindOf = new Int32Array(candidates)
  const quotasOf: number[][] = [[]]
  /** The part of a kind that the quota at hand counts, where the quota has split it. */
  const part: number[] = []
  const splitBy: number[] = []
  for (const [q, quota] of quotas.entries())
    for (const i of quota.candidates) {
      const whole = kindOf[i]
      if (splitBy[whole] !== q) {
        splitBy[whole] = q
        part[whole] = quotasOf.push([...quotasOf[whole], q]) - 1
      }
      kindOf[i] = part[whole]
    }
  return { kindOf, quotasOf }
}
