/**
 * Likeness (src/learner/linear/likeness.ts) of many items in one state: c rᵀx with r = S v / |S v|, as c |S x| times the product of S x and v, each as
 * part of what it is long: S x / |S x| and v / |S v|. The latter of each item stands beside the others' (dots.ts), and where is found by its row: a
 * decision waits for memory. A score is the same, to the bit, with a row and without.
 */
import { createByVector } from '../../learner/linear/by-vector.ts'
import { inverseLength, type Likeness, multiply, widthOf } from '../../learner/linear/likeness.ts'
import { dot } from '../../learner/linear/matrix.ts'
import { NOWHERE } from '../../wasm/ring.ts'
import { type Pages, pageAt } from '../pages.ts'
import type { CandidateVectors, VectorsByRow } from '../policy.ts'
import { dotsWith } from './dots.ts'

/** Of each row where v / |S v| stands, and v's stamp, since an item's vector may be another one later. */
type Page = Float64Array
const [LINE, STAMP, EACH] = [0, 1, 2]
interface RowsKnown {
  readonly catalogue: object
  readonly pages: Pages<Page>
}
/** Rows of a page: of a large catalogue a decision looks at few, all over it. */
const PAGE = 128
const rowsKnown = new WeakMap<Likeness, RowsKnown>()
/** Pages of one, of items that have no row. */
const alone = createByVector<Likeness, Page>()

/** @param of candidates, by index, that have no block
 * @returns what likeness adds to the mean of each; 0 for a vector of another length */
export function likenessIn(
  likeness: Likeness,
  phi: Float64Array,
  candidates: CandidateVectors,
  of: readonly number[],
): Float64Array {
  const { from, covariance, coefficient } = likeness
  const added = new Float64Array(of.length)
  const along = multiply(covariance, phi.subarray(from, from + widthOf(likeness)))
  const length = Math.sqrt(dot(along, along))
  if (length === 0 || of.length === 0) return added
  const unit = along.map(value => value / length)
  const { pages, ats } = placesOf(likeness, candidates, of)
  const directionOf = (i: number): Float64Array => partOf(likeness, vectorOf(candidates, of[i]))
  const sums = dotsWith(unit, of.length, {
    vector: i => Float32Array.from(directionOf(i)),
    lineOf: i => pages[i][ats[i] + LINE],
    standsIn(i, line) {
      pages[i][ats[i] + LINE] = line
    },
  })
  for (let i = 0; i < added.length; i++)
    added[i] += coefficient * length * (Number.isFinite(sums[i]) ? sums[i] : dot(unit, directionOf(i)))
  return added
}

/** v / |S v|; zeros where nothing goes with the item, and for a vector of another length. */
function partOf(likeness: Likeness, vector: Float32Array): Float64Array {
  const part = inverseLength(likeness, vector)
  return part > 0 ? Float64Array.from(vector, value => part * value) : new Float64Array(widthOf(likeness))
}

/** Pages of candidates, and where in them. */
function placesOf(likeness: Likeness, candidates: CandidateVectors, of: readonly number[]) {
  const { rows } = candidates
  const kept = rows && pagesFor(likeness, rows.catalogue)
  const pages = new Array<Page>(of.length)
  const ats = new Int32Array(of.length)
  for (let i = 0; i < of.length; i++) {
    const row = rows ? rows.numbers[of[i]] : -1
    if (kept && row >= 0) {
      pages[i] = pageAt(kept, Math.floor(row / PAGE), unknown)
      ats[i] = EACH * (row % PAGE)
      keepUp(pages[i], ats[i], rows!.catalogue.stampOf(row))
    } else pages[i] = alone(likeness, candidates.vectors[of[i]], nowhere)
  }
  return { pages, ats }
}

/** A row's vector may be another one than that which stands there. */
function keepUp(page: Page, at: number, stamp: number): void {
  if (page[at + STAMP] === stamp) return
  page[at + LINE] = NOWHERE
  page[at + STAMP] = stamp
}

function vectorOf(candidates: CandidateVectors, k: number): Float32Array {
  const { rows } = candidates
  const row = rows ? rows.numbers[k] : -1
  return rows && row >= 0 ? rows.catalogue.vectorOf(row) : candidates.vectors[k]
}

function pagesFor(likeness: Likeness, catalogue: VectorsByRow): Pages<Page> {
  const known = rowsKnown.get(likeness)
  if (known?.catalogue === catalogue) return known.pages
  const pages: Pages<Page> = []
  rowsKnown.set(likeness, { catalogue, pages })
  return pages
}

const unknown = (): Page => new Float64Array(EACH * PAGE)
const nowhere = (): Page => Float64Array.of(NOWHERE, 0)
