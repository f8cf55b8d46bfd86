/**
 * A scorer that works out what it is asked for, once. A class, as is whatever has a getter and is made for each decision: to an object literal with a
 * getter V8 gives a hidden class of its own each time, which is old from the start, so that all that the getter sees (a decision's vectors, scores,
 * candidates) outlives every collection but that of the whole heap: a hundred kilobytes of each decision over a thousand.
 */
import type { Deviations, Scorer } from './policy.ts'

interface Parts {
  readonly mean: Float64Array
  deviations?(): Deviations | undefined
  /** Where there are no `deviations`. */
  deviation?(): Float64Array | undefined
  members?(): readonly Float64Array[]
  readonly bias?: Scorer['bias']
}

class LazyScorer implements Scorer {
  readonly mean: Float64Array
  readonly bias: Scorer['bias']
  readonly #parts: Parts
  #deviations?: Deviations
  #deviation?: Float64Array
  #members?: readonly Float64Array[]

  constructor(parts: Parts) {
    this.mean = parts.mean
    this.bias = parts.bias
    this.#parts = parts
  }
  get deviations(): Deviations | undefined {
    this.#deviations ??= this.#parts.deviations?.()
    return this.#deviations
  }
  get deviation(): Float64Array | undefined {
    this.#deviation ??= this.deviations ? workedOut(this.deviations) : this.#parts.deviation?.()
    return this.#deviation
  }
  get members(): readonly Float64Array[] | undefined {
    this.#members ??= this.#parts.members?.()
    return this.#members
  }
}

/** The deviations themselves, all of them. */
export function workedOut({ most, of }: Deviations): Float64Array {
  for (let k = 0; k < most.length; k++) of(k)
  return most
}

export const lazyScorer = (parts: Parts): Scorer => new LazyScorer(parts)
