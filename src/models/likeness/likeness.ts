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

/** Of each row where v / |S v| stands, and v's stamp, since an item's vector may be another one later; behind those of all rows, 1 / |S v| of each. */
type Page = Float64Array
const [LINE, STAMP, EACH] = [0, 1, 2]
const partAt = ({ length }: Page, at: number): number => (EACH * length) / (EACH + 1) + at / EACH
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
  const partOf = (i: number): number => pages[i][partAt(pages[i], ats[i])]
  const directionIn = <T extends Float64Array | Float32Array>(i: number, out: T): T =>
    times(partOf(i), vectorOf(candidates, of[i]), out)
  const sums = dotsWith(unit, of.length, {
    vector(i) {
      const direction = directionIn(i, new Float32Array(unit.length))
      return partOf(i) > 0 && isLost(direction) ? direction.fill(Number.NaN) : direction
    },
    lineOf: i => pages[i][ats[i] + LINE],
    standsIn(i, line) {
      pages[i][ats[i] + LINE] = line
    },
  })
  for (let i = 0; i < added.length; i++) {
    const sum = Number.isFinite(sums[i]) ? sums[i] : dot(unit, directionIn(i, new Float64Array(unit.length)))
    if (sum !== 0) added[i] = coefficient * length * sum
  }
  return added
}

/** Zeros for a part of 0. */
function times<T extends Float64Array | Float32Array>(part: number, vector: Float32Array, out: T): T {
  if (part > 0) for (let i = 0; i < out.length; i++) out[i] = part * vector[i]
  return out
}

/** What float32 does not reach down to. */
const LEAST = 1e-30

/** Where all are: no numbers in its place have no sum, which is worked out in float64 then. */
function isLost(direction: Float32Array): boolean {
  for (let i = 0; i < direction.length; i++) if (Math.abs(direction[i]) >= LEAST) return false
  return true
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
      keepUp(likeness, pages[i], ats[i], rows!.catalogue, row)
    } else pages[i] = ofVector(likeness, candidates.vectors[of[i]])
  }
  return { pages, ats }
}

/** A row's vector may be another one than that which stands there. */
function keepUp(likeness: Likeness, page: Page, at: number, catalogue: VectorsByRow, row: number): void {
  const stamp = catalogue.stampOf(row)
  if (page[at + STAMP] === stamp) return
  page[at + LINE] = NOWHERE
  page[at + STAMP] = stamp
  page[partAt(page, at)] = inverseLength(likeness, catalogue.vectorOf(row))
}

const ofVector = (likeness: Likeness, vector: Float32Array): Page =>
  alone(likeness, vector, () => Float64Array.of(NOWHERE, 0, inverseLength(likeness, vector)))

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

const unknown = (): Page => new Float64Array((EACH + 1) * PAGE)
