/**
 * What items' vectors foretell of them in one state, before anybody was shown them: an offset of their bias (src/learner/linear/content.ts), and
 * likeness (likeness.ts there), c rᵀx with r = S v / |S v|, as c |S x| times the product of S x and v, each as part of what it is long:
 * S x / |S x| and v / |S v|. The latter of each item stands beside the others' (dots/dots.ts), and where is found by its row, with all else that is kept of
 * it: a decision waits for memory. A score is the same, to the bit, with a row and without.
 */
import { createByVector } from '../learner/linear/by-vector.ts'
import { offsetOf } from '../learner/linear/content.ts'
import { type Likeness, multiply, widthOf } from '../learner/linear/likeness.ts'
import { dot, packedLength } from '../learner/linear/matrix.ts'
import type { Prior } from '../learner/linear/posterior.ts'
import { NOWHERE } from '../wasm/ring.ts'
import { withRoom } from './by-row.ts'
import { dotsWith } from './dots/dots.ts'
import { lengthThrough } from './dots/lengths.ts'
import type { CandidateVectors, Rows, VectorsByRow } from './policy.ts'

/** Of each row half a cache line: where v / |S v| stands, the stamp up to which that is v, since an item's vector may be another one later, the offset,
 * and 1 / |S v|. */
type Table = Float64Array
const [LINE, UNTIL, OFFSET, PART, EACH] = [0, 1, 2, 3, 4]
interface RowsKnown {
  readonly catalogue: object
  table: Table
}
const none: Table = new Float64Array(0)
const rowsKnown = new WeakMap<Prior, RowsKnown>()
/** Tables of one, of items that have no row. */
const alone = createByVector<Prior, Table>()

/** Where each of some candidates is kept. */
interface Kept {
  /** Of those that have no other. */
  readonly table: Table
  /** Of candidates that have no row, where there are any. */
  readonly others: readonly (Table | undefined)[]
  readonly ats: Int32Array
}

/** Adds it to the means. @param of candidates, by index, that have no block @param mean of all; nothing is added for a vector of another length */
export function addForetold(
  prior: Prior,
  phi: Float64Array,
  candidates: CandidateVectors,
  of: ArrayLike<number>,
  mean: Float64Array,
): void {
  const { content, likeness } = prior
  if (of.length === 0 || !(content || likeness)) return
  const kept = keptOf(prior, candidates, of)
  for (let i = 0; i < of.length; i++) mean[of[i]] += tableOf(kept, i)[kept.ats[i] + OFFSET] * phi[0]
  if (likeness) addLikeness(likeness, phi, candidates, of, kept, mean)
}

function addLikeness(
  likeness: Likeness,
  phi: Float64Array,
  candidates: CandidateVectors,
  of: ArrayLike<number>,
  kept: Kept,
  mean: Float64Array,
): void {
  const { ats } = kept
  const { from, covariance, coefficient } = likeness
  const along = multiply(covariance, phi.subarray(from, from + widthOf(likeness)))
  const length = Math.sqrt(dot(along, along))
  if (length === 0) return
  const unit = along.map(value => value / length)
  const part = (i: number): number => tableOf(kept, i)[ats[i] + PART]
  const directionIn = <T extends Float64Array | Float32Array>(i: number, out: T): T =>
    times(part(i), vectorOf(candidates, of[i]), out)
  const [sums] = dotsWith(unit, of.length, {
    vector(i) {
      const direction = directionIn(i, new Float32Array(unit.length))
      return part(i) > 0 && isLost(direction) ? direction.fill(Number.NaN) : direction
    },
    lineOf: i => tableOf(kept, i)[ats[i] + LINE],
    standsIn(i, line) {
      tableOf(kept, i)[ats[i] + LINE] = line
    },
  })
  for (let i = 0; i < of.length; i++) {
    const sum = Number.isFinite(sums[i]) ? sums[i] : dot(unit, directionIn(i, new Float64Array(unit.length)))
    if (sum !== 0) mean[of[i]] += coefficient * length * sum
  }
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

function keptOf(prior: Prior, candidates: CandidateVectors, of: ArrayLike<number>): Kept {
  const { rows, itemIds } = candidates
  const table = rows ? tableFor(prior, rows) : none
  const others: Table[] = []
  const ats = new Int32Array(of.length)
  for (let i = 0; i < ats.length; i++) ats[i] = rows ? EACH * rows.numbers[of[i]] : NOWHERE
  // by itself and short, so that the processor waits for many at a time
  const newest = rows?.catalogue.newestStamp ?? 0
  let isOld = false
  for (let i = 0; i < ats.length; i++) if (!(table[ats[i] + UNTIL] >= newest)) isOld = true
  for (let i = 0; isOld && i < ats.length; i++)
    if (ats[i] >= 0) keepUp(prior, itemIds[of[i]], rows!.catalogue, rows!.numbers[of[i]], table)
    else {
      others[i] = ofVector(prior, itemIds[of[i]], candidates.vectors[of[i]])
      ats[i] = 0
    }
  return { table, others, ats }
}

const tableOf = ({ table, others }: Kept, i: number): Table => (others.length === 0 ? table : (others[i] ?? table))

/** A row's vector may be another one than that which stands there. */
function keepUp(prior: Prior, itemId: string, catalogue: VectorsByRow, row: number, table: Table): void {
  const at = EACH * row
  if (catalogue.stampOf(row) > table[at + UNTIL]) foretell(prior, itemId, catalogue.vectorOf(row), table, at)
  table[at + UNTIL] = catalogue.newestStamp
}

const ofVector = (prior: Prior, itemId: string, vector: Float32Array): Table =>
  alone(prior, vector, () => foretell(prior, itemId, vector, new Float64Array(EACH), 0))

function foretell({ content, likeness }: Prior, itemId: string, vector: Float32Array, table: Table, at: number): Table {
  table[at + LINE] = NOWHERE
  table[at + OFFSET] = offsetOf(content, itemId, vector)
  table[at + PART] = likeness ? partOf(likeness, vector) : 0
  return table
}

/** 1 / |S v|; 0 where nothing goes with the item, and for a vector of another length. */
function partOf({ covariance }: Likeness, vector: Float32Array): number {
  if (packedLength(vector.length) !== covariance.length) return 0
  const length = lengthThrough(covariance, vector)
  return length > 0 ? 1 / length : 0
}

function vectorOf(candidates: CandidateVectors, k: number): Float32Array {
  const { rows } = candidates
  const row = rows ? rows.numbers[k] : -1
  return rows && row >= 0 ? rows.catalogue.vectorOf(row) : candidates.vectors[k]
}

function tableFor(prior: Prior, { catalogue, numbers }: Rows): Table {
  let known = rowsKnown.get(prior)
  if (known?.catalogue !== catalogue) {
    known = { catalogue, table: none }
    rowsKnown.set(prior, known)
  }
  known.table = withRoom(known.table, numbers, EACH)
  return known.table
}
