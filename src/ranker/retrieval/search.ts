/**
 * Candidates from the catalogue. Where no more are eligible than a decision takes, all are candidates. Else they are
 *
 * - `model`: up to half of them the items that the version has learned of itself, best first;
 * - `retrieval`: those that a scan of all items finds;
 * - `exploration`: a share drawn at random from the others, the new ones first;
 *
 * and where there is nothing to search by (a user without a history, no model), `catalogue`: drawn at random too. What is found is
 * in with probability 1. Of m others, r are drawn, each subset alike, so each is in with probability r / m; a new item that
 * was not among the r of m new ones may still be among the r' of m' others: p + (1 - p) p'. Others are those that may be candidates: what
 * is hidden is known by name, what does not meet the request's conditions is found out where the catalogue is small enough for that. In a
 * larger one, and where conditions fail, m counts it too: when drawn it is left out and not replaced, so that r / m stays true of the others (docs/ranking.md).
 */
import type { PolicyConfig } from '../../config.ts'
import type { CandidateVectors, Policy, Retrieval } from '../../models/policy.ts'
import type { Random } from '../../state/random.ts'
import type { Moment } from '../condition.ts'
import type { Hidden } from '../constraints/hidden.ts'
import { rowVectors } from '../row-vectors.ts'
import { type Admission, createAdmission } from './admission.ts'
import type { CatalogueIndex } from './catalogue-index.ts'
import { drawRows } from './draw.ts'
import { bestFirst } from './exact.ts'
import type { Placed } from './placed.ts'
import type { RowSet } from './row-set.ts'

export interface Search {
  readonly index: CatalogueIndex
  readonly candidates: PolicyConfig['candidates']
  readonly max: number
  readonly moment: Moment
  readonly hidden: Hidden
  readonly nowMs: number
  readonly state: Float64Array
  /** Null: the initial policy. */
  readonly policy: Policy | null
  /** What orders all items: the model's, else the history's, else nothing. */
  readonly retrieval: Retrieval | undefined
  /** Rows that another thread has found for it; undefined: looked for here. */
  readonly found: Int32Array | undefined
  readonly random: Random
}

interface Admitting extends Search {
  readonly admission: Admission
}

export interface Picked {
  readonly row: number
  readonly source: 'catalogue' | 'model' | 'retrieval' | 'exploration'
  readonly inclusion: number
}

export function pick(given: Search): readonly Picked[] {
  const { index, max, moment, hidden } = given
  const { eligible } = index
  if (eligible.size <= max) {
    const all = Array.from(eligible.inOrder(), row => ({ row, source: 'catalogue', inclusion: 1 }) as const)
    return index.asksRequest ? all.filter(({ row }) => index.isMet(row, moment)) : all
  }
  const admission = createAdmission(index, moment, hidden)
  const search = { ...given, admission }
  const wanted = max - explored(search)
  const picked: Picked[] = []
  const taken = new Set<number>()
  const take = (rows: Iterable<number>, source: Picked['source'], most: number): void => {
    for (const row of rows) {
      if (taken.size >= most || (source === 'model' && admission.isFailing)) return
      if (taken.has(row) || !eligible.has(row) || !admission.admits(row)) continue
      taken.add(row)
      picked.push({ row, source, inclusion: 1 })
    }
  }
  take(learned(search), 'model', Math.ceil(wanted / 2))
  const found = similar(search)
  if (found) take(found, 'retrieval', wanted)
  for (const { row, inclusion } of draw(search, taken))
    if (admission.admits(row)) picked.push({ row, source: found ? 'exploration' : 'catalogue', inclusion })
  return picked
}

/** How many rows the scan is asked for: exact scores cut off what rounding brought up, and what is hidden
 * or does not meet the request's conditions is left out. */
export const asked = (wanted: number): number => Math.ceil(1.25 * wanted) + 32

export const explored = ({ candidates, max }: Pick<Search, 'candidates' | 'max'>): number =>
  Math.ceil(candidates.explorationShare * max)

/** Best first; undefined where there is nothing to search by. */
function similar(search: Admitting): readonly number[] | undefined {
  const { index, retrieval, state, found, candidates } = search
  if (candidates.retrieval === 'none') return undefined
  const { placed } = index
  const by = retrieval && placed && retrieval.space === placed.retrieval.space ? retrieval : placed?.retrieval
  const query = by?.query(state)
  if (!placed || !by || !query) return undefined
  const rows = found ?? scanned(search, placed, query)
  return byScore(rows, index, vectors => by.scores(state, vectors))
}

function scanned(search: Admitting, placed: Placed, query: Float32Array): Int32Array {
  for (let count: number | undefined = asked(search.max); ; ) {
    const rows = placed.scan([query], placed.rows.size, count)[0]
    count = deeper(rows, count, search)
    if (count === undefined) return rows
  }
}

/** More rows than these are not looked at. */
const LOOKED_AT = 16_384

/** How many rows to ask for next, where too few of those that were found may be candidates; none where conditions fail. */
export function deeper(
  rows: Int32Array,
  count: number,
  { admission, max }: Pick<Admitting, 'admission' | 'max'>,
): number | undefined {
  if (rows.length < count || count >= LOOKED_AT) return undefined
  let met = 0
  for (let i = 0; i < rows.length && met < max; i++) if (admission.admits(rows[i])) met++
  return met < max && !admission.isFailing ? Math.min(8 * count, LOOKED_AT) : undefined
}

/** Items that the model has parameters of its own for and that are scored at each decision. */
const LEARNED = 2048

const known = new WeakMap<Policy, { readonly index: CatalogueIndex; readonly rows: readonly number[] }>()

function learned({ index, policy, state, candidates }: Search): readonly number[] {
  if (candidates.retrieval !== 'model' || !policy?.knownItems) return []
  let those = known.get(policy)
  if (those?.index !== index) {
    const rows = policy.knownItems(LEARNED).map(itemId => index.features.rowOf(itemId))
    those = { index, rows: rows.filter(row => row >= 0).sort((a, b) => a - b) }
    known.set(policy, those)
  }
  const allowed = those.rows.filter(index.eligible.has)
  return byScore(allowed, index, vectors => policy.scorer(state, vectors).mean)
}

/** @param rows in the order of their numbers, which is that of equal scores */
function byScore(
  rows: ArrayLike<number>,
  { features }: CatalogueIndex,
  score: (candidates: CandidateVectors) => Float64Array,
): readonly number[] {
  const numbers = Array.from(rows)
  const itemIds = numbers.map(row => features.at(row).itemId)
  const scores = score(rowVectors(features, { itemIds, rows: numbers }))
  return Array.from(bestFirst(scores), i => rows[i])
}

/** Of no more items it is found out, in about a millisecond, which of them must not be candidates. */
const COUNTED = 4096

/** Rows that are not to be drawn: those that are in already, and of those that must not be candidates all that are known before. */
function withoutDraw({ index, hidden, admission }: Admitting, taken: ReadonlySet<number>): Set<number> {
  const { eligible, features } = index
  const isCounted = eligible.size <= COUNTED
  const refused = index.asksRequest && isCounted ? refusedOf(eligible, taken, admission) : undefined
  const out = new Set(taken)
  if (refused) {
    for (const row of refused) out.add(row)
    return out
  }
  const lists = hidden.lists()
  const named = lists.reduce((sum, list) => sum + list.size, 0)
  if (named <= COUNTED) {
    for (const list of lists)
      for (const itemId of list) {
        const row = features.rowOf(itemId)
        if (row >= 0) out.add(row)
      }
  } else if (isCounted) for (const row of eligible.inOrder()) if (hidden(features.at(row).itemId)) out.add(row)
  return out
}

/** Of all that are not taken those that must not be candidates; undefined: too slow to find out. */
function refusedOf(eligible: RowSet, taken: ReadonlySet<number>, admission: Admission): readonly number[] | undefined {
  const refused: number[] = []
  for (const row of eligible.inOrder()) {
    if (taken.has(row) || admission.admits(row)) continue
    if (admission.isFailing) return undefined
    refused.push(row)
  }
  return refused
}

/** Fills up to `max`. @param taken rows that are in already */
function draw(search: Admitting, taken: ReadonlySet<number>): Omit<Picked, 'source'>[] {
  const { index, max, nowMs, random } = search
  if (taken.size >= max) return []
  const fresh = index.fresh(nowMs)
  const out = withoutDraw(search, taken)
  const first = drawRows(fresh, out, explored(search), random)
  const then = drawRows(index.eligible, out, max - taken.size - first.rows.length, random)
  const either = first.inclusion + (1 - first.inclusion) * then.inclusion
  return [
    ...first.rows.map(row => ({ row, inclusion: either })),
    ...then.rows.map(row => ({ row, inclusion: fresh.has(row) ? either : then.inclusion })),
  ]
}
