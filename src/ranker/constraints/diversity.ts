/**
 * Diversity as a shift of a slot's logits given the items before it, from the cosines of item vectors:
 * - mmr, maximal marginal relevance (Carbonell & Goldstein 1998): -strength · max_j cos(i, j);
 * - dpp: +strength · ln d_i², with d_i² = det S_{Y∪i} / det S_Y what the items Y before leave unexplained of the unit vector i.
 *   With strength 1 and p_i as the quality of i that is the conditional of a determinantal point process with kernel
 *   √p_i S_ij √p_j, the next item given Y. d_i² is kept by an incremental Cholesky factor (Chen, Zhang & Zhou 2018).
 * An item without a vector is like none. An item before costs candidates × dimensions, once.
 */
import type { Diversity } from '../../../schemas/records.ts'
import { createDotProducts, type DotProducts } from './dot-products.ts'

/** What a copy of an item before is left with, d²: vectors are float32. */
const LEAST_LEFT = 1e-6

export interface DiversityShift {
  show(candidate: number): void
  /** Of each candidate by what was shown, the boosts included; null: nothing shifts. */
  current(): Float64Array | null
}

/** What speaks against each candidate, by the items before. */
interface Likeness {
  add(candidate: number): void
  /** Into `shift`: what is in `boosts`, less `strength` times what speaks against each. */
  shift(shift: Float64Array, boosts: Float64Array, strength: number): void
}

export function createDiversity(
  { kind, strength }: Diversity,
  vectors: readonly Float32Array[],
  boosts: Float64Array | null,
): DiversityShift {
  const likeness = (kind === 'dpp' ? determinantal : marginal)(cosinesOf(vectors), vectors.length)
  const shift = new Float64Array(vectors.length)
  const boosted = boosts ?? new Float64Array(vectors.length)
  const waiting: number[] = []
  let isShifted = false
  return {
    show: candidate => waiting.push(candidate),
    current() {
      if (waiting.length === 0) return isShifted ? shift : boosts
      isShifted = true
      for (const candidate of waiting.splice(0)) likeness.add(candidate)
      likeness.shift(shift, boosted, strength)
      return shift
    },
  }
}

function marginal(cosines: Cosines, count: number): Likeness {
  const most = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
  const next = new Float64Array(count)
  return {
    add(candidate) {
      cosines(candidate, next)
      for (let i = 0; i < count; i++) if (next[i] > most[i]) most[i] = next[i]
    },
    shift(shift, boosts, strength) {
      for (let i = 0; i < count; i++) shift[i] = boosts[i] - strength * most[i]
    },
  }
}

function determinantal(cosines: Cosines, count: number): Likeness {
  const left = new Float64Array(count).fill(1)
  const factor: Float64Array[] = []
  return {
    add(candidate) {
      if (left[candidate] < LEAST_LEFT) return
      const row = new Float64Array(count)
      cosines(candidate, row)
      for (const before of factor) for (let i = 0; i < count; i++) row[i] -= before[i] * before[candidate]
      const scale = 1 / Math.sqrt(left[candidate])
      for (let i = 0; i < count; i++) {
        row[i] *= scale
        left[i] -= row[i] * row[i]
      }
      factor.push(row)
    },
    shift(shift, boosts, strength) {
      for (let i = 0; i < count; i++) shift[i] = boosts[i] + strength * Math.log(Math.max(LEAST_LEFT, left[i]))
    },
  }
}

/** Cosines of all candidates to one, into `out`. */
type Cosines = (candidate: number, out: Float64Array) => void

function cosinesOf(vectors: readonly Float32Array[]): Cosines {
  const dots = createDotProducts(vectors)
  let inverse: Float64Array | undefined
  return (candidate, out) => {
    inverse ??= inverseNorms(dots, vectors.length)
    dots.of(candidate, out)
    for (let i = 0; i < out.length; i++) out[i] *= inverse[i] * inverse[candidate]
    out[candidate] = 1
  }
}

function inverseNorms(dots: DotProducts, count: number): Float64Array {
  const inverse = new Float64Array(count)
  dots.squares(inverse)
  for (let i = 0; i < count; i++) inverse[i] = inverse[i] > 0 ? 1 / Math.sqrt(inverse[i]) : 0
  return inverse
}
