/**
 * Likeness (src/learner/linear/likeness.ts) of many items in one state: c rᵀx with r = S v / |S v|, as c / |S v| times (S x)ᵀv. What is known of an item
 * is found by its row, and its vector stands beside the others' (dots.ts): a decision waits for memory. A score is the same, to the bit, with a row
 * and without.
 */
import { createByVector } from '../../learner/linear/by-vector.ts'
import { inverseLength, type Likeness, multiply, widthOf } from '../../learner/linear/likeness.ts'
import { dot } from '../../learner/linear/matrix.ts'
import { NOWHERE } from '../../wasm/ring.ts'
import { type Pages, pageAt } from '../pages.ts'
import type { CandidateVectors, VectorsByRow } from '../policy.ts'
import { dotsWith } from './dots.ts'

/** What is known of rows: of each 1 / |S v|, where v stands, and v's stamp, since an item's vector may be another one later. */
type Page = Float64Array
const [SCALE, LINE, STAMP, EACH] = [0, 1, 2, 4]
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
  const entries = entriesOf(likeness, candidates, of)
  const { pages, ats, which } = entries
  if (pages.length === 0) return added
  const along = multiply(covariance, phi.subarray(from, from + widthOf(likeness)))
  const length = Math.sqrt(dot(along, along))
  if (length === 0) return added
  const unit = along.map(value => value / length)
  const sums = dotsWith(unit, pages.length, {
    vector: i => vectorOf(candidates, of[which[i]]),
    lineOf: i => pages[i][ats[i] + LINE],
    standsIn(i, line) {
      pages[i][ats[i] + LINE] = line
    },
  })
  const exactly = (i: number): number => dot(unit, Float64Array.from(vectorOf(candidates, of[which[i]])))
  for (let i = 0; i < pages.length; i++) {
    const sum = Number.isFinite(sums[i]) ? sums[i] : exactly(i)
    added[which[i]] = coefficient * length * pages[i][ats[i] + SCALE] * sum
  }
  return added
}

/** What is known of candidates: an entry's page, its place there, and whose it is. Those are left out that likeness adds nothing to. */
interface Entries {
  readonly pages: readonly Page[]
  readonly ats: readonly number[]
  /** Index in `of`. */
  readonly which: readonly number[]
}

function entriesOf(likeness: Likeness, candidates: CandidateVectors, of: readonly number[]): Entries {
  const { rows } = candidates
  const kept = rows && pagesFor(likeness, rows.catalogue)
  const entries = { pages: [] as Page[], ats: [] as number[], which: [] as number[] }
  for (let i = 0; i < of.length; i++) {
    const row = rows ? rows.numbers[of[i]] : -1
    const page =
      kept && row >= 0 ? pageAt(kept, Math.floor(row / PAGE), unknown) : ofVector(likeness, candidates.vectors[of[i]])
    const at = row >= 0 ? EACH * (row % PAGE) : 0
    if (row >= 0) keepUp(likeness, page, at, rows!.catalogue, row)
    if (page[at + SCALE] === 0) continue
    entries.pages.push(page)
    entries.ats.push(at)
    entries.which.push(i)
  }
  return entries
}

/** A row's vector may be another one than that which is known. */
function keepUp(likeness: Likeness, page: Page, at: number, catalogue: VectorsByRow, row: number): void {
  const stamp = catalogue.stampOf(row)
  if (page[at + STAMP] === stamp) return
  page[at + SCALE] = inverseLength(likeness, catalogue.vectorOf(row))
  page[at + LINE] = NOWHERE
  page[at + STAMP] = stamp
}

const ofVector = (likeness: Likeness, vector: Float32Array): Page =>
  alone(likeness, vector, () => Float64Array.of(inverseLength(likeness, vector), NOWHERE, 0))

function vectorOf(candidates: CandidateVectors, k: number): Float32Array {
  const { rows } = candidates
  const row = rows ? rows.numbers[k] : -1
  return rows && row >= 0 ? rows.catalogue.vectorOf(row) : candidates.vectors[k]
}

function pagesFor(likeness: Likeness, catalogue: object): Pages<Page> {
  const known = rowsKnown.get(likeness)
  if (known?.catalogue === catalogue) return known.pages
  const pages: Pages<Page> = []
  rowsKnown.set(likeness, { catalogue, pages })
  return pages
}

const unknown = (): Page => new Float64Array(EACH * PAGE)
