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
  /** Quotas with a floor, and the most of them that count one kind. */
  readonly floored: readonly number[]
  readonly overlap: number
  /** Of the search. */
  stepsLeft: number
}

const MOST_STEPS = 20_000

export function createLedger(quotas: readonly Quota[], quotasOf: readonly (readonly number[])[]): Ledger {
  const kindsOf: number[][] = quotas.map(() => [])
  for (const [kind, counting] of quotasOf.entries()) for (const q of counting) kindsOf[q].push(kind)
  const floored = [...quotas.keys()].filter(q => quotas[q].floor > 0)
  const flooring = quotasOf.map(() => 0)
  for (const q of floored) for (const kind of kindsOf[q]) flooring[kind]++
  return {
    quotasOf,
    kindsOf,
    left: quotasOf.map(() => 0),
    lack: quotas.map(({ floor }) => floor),
    room: quotas.map(({ cap }) => cap),
    floored,
    overlap: flooring.reduce((most, n) => Math.max(most, n), 1),
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
 * @param before quota and kind of the step before: for the same quota the kinds below it were tried */
function complete(ledger: Ledger, slots: number, before = { quota: -1, from: 0 }): Plan | null {
  const { lack, kindsOf, left, floored, overlap } = ledger
  let quota = -1
  let lacking = 0
  for (const q of floored) {
    if (lack[q] <= 0) continue
    if (quota < 0) quota = q
    lacking += lack[q]
  }
  if (quota < 0) return []
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

/** For each kind, the plan for the slots after one that goes to it; null: it must not have that one.
 * @param plan for the `slots` to come, that one included */
export function plansAfter(ledger: Ledger, plan: Plan, slots: number): readonly (Plan | null)[] {
  const { quotasOf, room } = ledger
  const planned = room.map(() => 0)
  for (const kind of plan) for (const q of quotasOf[kind]) planned[q]++
  return quotasOf.map((counting, kind) => {
    if (!fits(ledger, kind)) return null
    const at = plan.indexOf(kind)
    if (at >= 0) return plan.toSpliced(at, 1)
    if (plan.length < slots && counting.every(q => room[q] > planned[q])) return plan
    return planWith(ledger, kind, slots)
  })
}

/** For the slots after one that goes to the kind, anew. */
function planWith(ledger: Ledger, kind: number, slots: number): Plan | null {
  count(ledger, kind)
  ledger.left[kind]--
  const found = complete(ledger, slots - 1)
  ledger.left[kind]++
  count(ledger, kind, -1)
  return found
}
