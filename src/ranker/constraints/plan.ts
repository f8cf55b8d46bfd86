/**
 * Can the slots to come still meet every floor under every cap? Candidates that the same quotas count are of one kind; a plan
 * is the kinds of as many slots as that takes. Groups of several attributes overlap, which makes the question hard in
 * general: the search is exact as long as it lasts, its steps in one slate are bounded, and beyond that it finds nothing.
 */
import type { Quota } from '../../../schemas/records.ts'

/** Kinds, by index. */
export type Plan = readonly number[]

/** What is left of candidates and quotas. */
export interface Ledger {
  /** Quotas that count a kind. */
  readonly quotasOf: readonly (readonly number[])[]
  /** Kinds that a quota counts. */
  readonly kindsOf: readonly (readonly number[])[]
  /** Candidates of a kind. */
  readonly left: number[]
  /** Slots that a quota's floor lacks; below 0: more than it asks for. */
  readonly lack: number[]
  /** Slots that a quota's cap leaves. */
  readonly room: number[]
  /** Most quotas with a floor that count one kind. */
  readonly overlap: number
  /** Of the search. */
  stepsLeft: number
}

const MOST_STEPS = 20_000

export function createLedger(quotas: readonly Quota[], quotasOf: readonly (readonly number[])[]): Ledger {
  return {
    quotasOf,
    kindsOf: quotas.map((_, q) => [...quotasOf.keys()].filter(kind => quotasOf[kind].includes(q))),
    left: quotasOf.map(() => 0),
    lack: quotas.map(({ floor }) => floor),
    room: quotas.map(({ cap }) => cap),
    overlap: Math.max(1, ...quotasOf.map(counting => counting.filter(q => quotas[q].floor > 0).length)),
    stepsLeft: MOST_STEPS,
  }
}

/** A slot goes to the kind; -1 takes that back. */
export function count({ quotasOf, lack, room }: Ledger, kind: number, slots = 1): void {
  for (const q of quotasOf[kind]) {
    lack[q] -= slots
    room[q] -= slots
  }
}

const fits = ({ quotasOf, left, room }: Ledger, kind: number): boolean =>
  left[kind] > 0 && quotasOf[kind].every(q => room[q] > 0)

/** A plan for at most so many slots; null: there is none, or it was not found in the steps that are left.
 * @param from kinds before it were tried for the same quota */
function complete(ledger: Ledger, slots: number, before = { quota: -1, from: 0 }): Plan | null {
  const { lack, kindsOf, left, overlap } = ledger
  const quota = lack.findIndex(slotsLacking => slotsLacking > 0)
  if (quota < 0) return []
  const lacking = lack.reduce((sum, n) => sum + Math.max(0, n), 0)
  if (lacking > slots * overlap || ledger.stepsLeft-- <= 0) return null
  for (const kind of kindsOf[quota]) {
    if ((quota === before.quota && kind < before.from) || !fits(ledger, kind)) continue
    count(ledger, kind)
    left[kind]--
    const rest = complete(ledger, slots - 1, { quota, from: kind })
    left[kind]++
    count(ledger, kind, -1)
    if (rest) return [kind, ...rest]
  }
  return null
}

/** The first plan of a slate. Where not all floors can be met each is lowered as far as it must, given those before it. */
export function settle(ledger: Ledger, slots: number): Plan {
  const all = complete(ledger, slots)
  if (all) return all
  const wanted = ledger.lack.slice()
  wanted.forEach((lack, q) => {
    ledger.lack[q] = Math.min(0, lack)
  })
  let plan: Plan = []
  wanted.forEach((lack, q) => {
    for (let n = lack; n > 0; n--) {
      ledger.lack[q] = n
      const found = complete(ledger, slots)
      if (found) {
        plan = found
        return
      }
      ledger.lack[q] = 0
    }
  })
  return plan
}

/** For the slots after one that goes to the kind.
 * @param plan for the `slots` to come, that one included
 * @returns null: the kind must not have it */
export function planAfter(ledger: Ledger, kind: number, plan: Plan, slots: number): Plan | null {
  if (!fits(ledger, kind)) return null
  const at = plan.indexOf(kind)
  if (at >= 0) return plan.toSpliced(at, 1)
  if (plan.length < slots && hasRoomBeside(ledger, kind, plan)) return plan
  count(ledger, kind)
  ledger.left[kind]--
  const found = complete(ledger, slots - 1)
  ledger.left[kind]++
  count(ledger, kind, -1)
  return found
}

const hasRoomBeside = ({ quotasOf, room }: Ledger, kind: number, plan: Plan): boolean =>
  quotasOf[kind].every(q => room[q] > plan.filter(planned => quotasOf[planned].includes(q)).length)
