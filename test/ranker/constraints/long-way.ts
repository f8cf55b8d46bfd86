/** What constraints mean, the long way: completions of a slate by trying all, determinants by expansion. */
import type { Constraints } from '../../../schemas/records.ts'
import type { Pinned } from '../../../src/ranker/constraints/limits.ts'
import type { Exploration } from '../../../src/ranker/explorers/explorer.ts'
import { unconstrained } from '../../../src/recommendations/decision.ts'
import type { PossibleSlate } from '../slates.ts'

export interface Slate {
  readonly constraints: Constraints
  readonly pins: readonly Pinned[]
  readonly slots: number
  readonly vectors: readonly Float32Array[]
}

export const constrained = (over: Partial<Constraints>): Constraints => ({ ...unconstrained, ...over })

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Do these items, shown together, keep every floor and every cap? A pin may pass a cap, what is drawn may not. */
export function keepsQuotas({ constraints, pins }: Slate, drawn: readonly number[], floors = true): boolean {
  return constraints.quotas.every(({ floor, cap, candidates }) => {
    const pinned = pins.filter(({ candidate }) => candidates.includes(candidate)).length
    const counted = drawn.filter(candidate => candidates.includes(candidate)).length
    return (counted === 0 || pinned + counted <= cap) && (!floors || pinned + counted >= floor)
  })
}

/** Is there any set of at most so many of `from` with which `drawn` keeps all quotas? */
export function canBeCompleted(slate: Slate, drawn: readonly number[], from: readonly number[], most: number): boolean {
  if (keepsQuotas(slate, drawn)) return true
  if (most === 0) return false
  return from.some((next, i) => canBeCompleted(slate, [...drawn, next], from.slice(i + 1), most - 1))
}

/** What may be drawn next. */
export function allowed(slate: Slate, drawn: readonly number[]): number[] {
  const all = [...slate.vectors.keys()]
  const free = all.filter(i => !drawn.includes(i) && !slate.constraints.masked.includes(i))
  const most = slate.slots - slate.pins.length - drawn.length - 1
  return free.filter(next => {
    const after = [...drawn, next]
    const others = free.filter(i => i !== next)
    return keepsQuotas(slate, after, false) && canBeCompleted(slate, after, others, most)
  })
}

/** Logit shift of a candidate given the items before. */
export function shiftOf({ constraints, vectors }: Slate, before: readonly number[], next: number): number {
  const boost = sum(constraints.shifts.map(({ by, candidates }) => (candidates.includes(next) ? by : 0)))
  const { kind, strength } = constraints.diversity ?? { kind: 'mmr', strength: 0 }
  if (strength === 0 || before.length === 0) return boost
  const cosine = (a: number, b: number): number => cosineOf(vectors[a], vectors[b])
  if (kind === 'mmr') return boost - strength * Math.max(...before.map(other => cosine(next, other)))
  const gram = (items: readonly number[]) => items.map(a => items.map(b => cosine(a, b)))
  return boost + strength * Math.log(determinant(gram([...before, next])) / determinant(gram(before)))
}

function cosineOf(a: Float32Array, b: Float32Array): number {
  const inner = (x: Float32Array, y: Float32Array) => sum([...x].map((value, k) => value * y[k]))
  return inner(a, b) / Math.sqrt(inner(a, a) * inner(b, b))
}

/** Laplace expansion by the first row. */
function determinant(matrix: readonly (readonly number[])[]): number {
  if (matrix.length === 0) return 1
  const without = (column: number) => matrix.slice(1).map(row => row.toSpliced(column, 1))
  return sum(matrix[0].map((value, column) => (column % 2 ? -1 : 1) * value * determinant(without(column))))
}

/** p_i exp(shift_i) on what may be drawn, divided by the sum. Empty: nothing may. */
export function conditionalOf(slate: Slate, exploration: Exploration, shown: readonly number[]): number[] {
  const count = slate.vectors.length
  const pinned = slate.pins.map(({ candidate }) => candidate)
  const open = allowed(
    slate,
    shown.filter(i => !pinned.includes(i)),
  )
  if (open.length === 0) return []
  const p = new Float64Array(count)
  exploration.conditional(
    Uint8Array.from({ length: count }, (_, i) => Number(open.includes(i))),
    p,
  )
  const weights = [...p].map((value, i) => (value > 0 ? value * Math.exp(shiftOf(slate, shown, i)) : 0))
  const total = sum(weights)
  return weights.map(weight => weight / total)
}

/** Every slate that can be shown, with its probability. */
export function possibleSlates(slate: Slate, exploration: Exploration): readonly PossibleSlate[] {
  const grow = (items: readonly number[], probability: number): readonly PossibleSlate[] => {
    if (items.length === slate.slots) return [{ items, probability }]
    const waiting = slate.pins.filter(({ candidate }) => !items.includes(candidate))
    const conditional = conditionalOf(slate, exploration, items)
    if (waiting.length > 0 && (waiting[0].position <= items.length || conditional.length === 0))
      return grow([...items, waiting[0].candidate], probability)
    if (conditional.length === 0) return [{ items, probability }]
    return conditional.flatMap((p, item) => (p > 0 ? grow([...items, item], probability * p) : []))
  }
  return grow([], 1)
}
