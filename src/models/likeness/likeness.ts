/**
 * Likeness (src/learner/linear/likeness.ts) of many items in one state: c rᵀx with r = S v / |S v|, as c / |S v| times (S x)ᵀv. What is known of an item
 * is found by its row, and its vector stands beside the others' (dots.ts): a decision waits for memory. A score is the same, to the bit, with a row
 * and without.
 */
import { createByVector } from '../../learner/linear/by-vector.ts'
import { inverseLength, type Likeness, multiply, widthOf } from '../../learner/linear/likeness.ts'
import { dot } from '../../learner/linear/matrix.ts'
import { NOWHERE } from '../../wasm/ring.ts'
import type { CandidateVectors } from '../policy.ts'
import { dotsFor, unitOf } from './dots.ts'

/** What is known of rows: of each 1 / |S v| in units of v, where v stands, and v's stamp, since an item's vector may be another one later. */
type Page = Float64Array
const [SCALE, LINE, STAMP, EACH] = [0, 1, 2, 4]
interface Pages {
  readonly catalogue: object
  readonly pages: (Page | undefined)[]
}
const PAGE = 1024
const rowsKnown = new WeakMap<Likeness, Pages>()
/** 1 / |S v| in units of v, of items that have no row. */
const scales = createByVector<Likeness, number>()

/** @returns of candidate k, which has no block, what likeness adds to its mean; 0 for a vector of another length */
export function likenessIn(likeness: Likeness, phi: Float64Array, candidates: CandidateVectors): (k: number) => number {
  const { from, covariance, coefficient } = likeness
  const { rows } = candidates
  const along = multiply(covariance, phi.subarray(from, from + widthOf(likeness)))
  const length = Math.sqrt(dot(along, along))
  if (length === 0) return () => 0
  const dots = dotsFor(along.map(value => value / length))
  const most = coefficient * length
  const byVector = (vector: Float32Array): number => {
    const scale = scales(likeness, vector, () => scaleOf(likeness, vector))
    return scale === 0 ? 0 : most * scale * dots.with(dots.put(vector))
  }
  if (!rows) return k => byVector(candidates.vectors[k])
  const { catalogue, numbers } = rows
  const pages = pagesFor(likeness, catalogue)
  return k => {
    const row = numbers[k]
    if (row < 0) return byVector(candidates.vectors[k])
    const page = pageOf(pages, row)
    const at = EACH * (row % PAGE)
    const stamp = catalogue.stampOf(row)
    if (page[at + STAMP] !== stamp) page.set([scaleOf(likeness, catalogue.vectorOf(row)), NOWHERE, stamp], at)
    const scale = page[at + SCALE]
    if (scale === 0) return 0
    if (!dots.has(page[at + LINE])) page[at + LINE] = dots.put(catalogue.vectorOf(row))
    return most * scale * dots.with(page[at + LINE])
  }
}

/** 1 / |S v| times the unit of v. */
const scaleOf = (likeness: Likeness, vector: Float32Array): number => inverseLength(likeness, vector) * unitOf(vector)

function pagesFor(likeness: Likeness, catalogue: object): Pages['pages'] {
  const known = rowsKnown.get(likeness)
  if (known?.catalogue === catalogue) return known.pages
  const pages: Pages['pages'] = []
  rowsKnown.set(likeness, { catalogue, pages })
  return pages
}

function pageOf(pages: Pages['pages'], row: number): Page {
  const page = Math.floor(row / PAGE)
  while (pages.length <= page) pages.push(undefined)
  pages[page] ??= new Float64Array(EACH * PAGE)
  return pages[page]
}
