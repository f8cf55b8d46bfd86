/**
 * What a decision may choose among: the items that the request names, else what the catalogue holds for it (retrieval/search.ts). Both
 * are filtered by availability and the policy's conditions, and every candidate carries the probability with which
 * it got in: what cannot be chosen with a known probability cannot be learned from.
 */
import type { Candidate, Request } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import type { FeatureStore } from '../features/store.ts'
import type { Policy, Retrieval } from '../models/policy.ts'
import type { StateEncoder } from '../state/encode.ts'
import { createRandom, type Random, seedOf } from '../state/random.ts'
import { type Condition, compileCondition, type Moment, meetsAll } from './condition.ts'
import type { Hidden } from './constraints/hidden.ts'
import { type CatalogueIndex, indexOf } from './retrieval/catalogue-index.ts'
import { historyRetrieval } from './retrieval/history.ts'
import { type Picked, pick } from './retrieval/search.ts'
import { type RowVectors, rowVectors } from './row-vectors.ts'

export type Drop = 'unknown' | 'unavailable' | 'filtered'

export interface Found {
  /** How they were found: logged as retrieval_version. */
  readonly retrievalVersion: string
  readonly candidates: readonly Candidate[]
  readonly vectors: RowVectors
  /** Why candidates of the request were left out, one entry each. */
  readonly dropped: readonly Drop[]
  /** Why there is none; empty when there is one. */
  readonly reason: '' | 'empty_catalogue' | 'no_candidate_left'
}

export interface Catalogue {
  readonly features: FeatureStore
  /** The catalogue has been read: an item that is not in it does not exist. */
  readonly catalogueReady: boolean
  /** Items follow the serving version between steps (retrieval/following.ts). Else each decision places all items as its own
   * version does, lest it depend on the decisions before it. */
  readonly following?: boolean
  /** Rows that were found for a request before the step, by its id (retrieval/ahead.ts). */
  readonly foundAhead?: ReadonlyMap<string, Int32Array>
}

/** What the choice of candidates depends on besides the catalogue. */
export interface Asked {
  readonly request: Request
  readonly moment: Moment
  readonly state: Float64Array
  /** Null: the initial policy. */
  readonly policy: Policy | null
  /** False: nobody will choose among them, so those of a large catalogue are drawn and not searched for. */
  readonly searched: boolean
  /** Of the catalogue it takes up no candidate's place; among a request's candidates it is masked. */
  readonly hidden: Hidden
}

export type CandidateFinder = (asked: Asked, catalogue: Catalogue) => Found

/** Salt of the retrieval's own stream: a decision can be re-run from its logged candidates without it. */
const retrievalSalt = 1

export const maxFromCatalogue = ({ limits }: Config, { candidates }: PolicyConfig): number =>
  Math.min(limits.maxCandidates, candidates.max)

export function createCandidateFinder(config: Config, encoder: StateEncoder): CandidateFinder {
  const inRequest = fromRequest(config)
  const inCatalogue = fromCatalogue(config, encoder)
  return (asked, catalogue) => {
    const random = createRandom(seedOf(asked.request.request_id, retrievalSalt))
    return asked.request.candidates === null
      ? inCatalogue(asked, catalogue, random)
      : inRequest(asked, asked.request.candidates, catalogue, random)
  }
}

function fromRequest(config: Config) {
  const most = config.limits.maxCandidates
  const filters = new Map(
    config.policies.map(({ name, candidates }) => [name, candidates.filters.map(compileCondition)]),
  )
  const { dimensions } = config.features
  return ({ request, moment }: Asked, named: readonly string[], catalogue: Catalogue, random: Random): Found => {
    const { allowed, dropped } = allow(named, catalogue, filters.get(request.policy)!, moment)
    const kept = allowed.itemIds.length > most ? subset(allowed, most, random) : allowed
    const { itemIds } = kept
    const inclusion = itemIds.length / Math.max(1, allowed.itemIds.length)
    return {
      retrievalVersion: 'request-1',
      candidates: itemIds.map((itemId, i) =>
        toCandidate(itemId, versionAt(catalogue.features, kept.rows[i]), 'request', inclusion),
      ),
      vectors: rowVectors(catalogue.features, kept, dimensions),
      dropped,
      reason: itemIds.length > 0 ? '' : 'no_candidate_left',
    }
  }
}

interface Allowed {
  readonly itemIds: readonly string[]
  /** -1: not known yet. */
  readonly rows: ArrayLike<number>
}

function allow(
  named: readonly string[],
  { features, catalogueReady }: Catalogue,
  filters: readonly Condition[],
  moment: Moment,
) {
  const rows = features.rowsOf(named)
  const faultOf = (row: number): Drop | undefined => {
    if (row < 0 && catalogueReady) return 'unknown'
    if (row >= 0 && !features.isAvailable(row)) return 'unavailable'
    return filters.length === 0 || meetsAll(filters, row < 0 ? undefined : features.at(row), moment)
      ? undefined
      : 'filtered'
  }
  const dropped = new Map<number, Drop>()
  for (let i = 0; i < rows.length; i++) {
    const fault = faultOf(rows[i])
    if (fault !== undefined) dropped.set(i, fault)
  }
  const isLeft = (_: unknown, place: number): boolean => !dropped.has(place)
  const allowed: Allowed =
    dropped.size === 0 ? { itemIds: named, rows } : { itemIds: named.filter(isLeft), rows: rows.filter(isLeft) }
  return { allowed, dropped: [...dropped.values()] }
}

function fromCatalogue(config: Config, encoder: StateEncoder) {
  const policies = new Map(config.policies.map(policy => [policy.name, policy]))
  const orderOf = createOrder(encoder)
  const drawn = new Map(
    config.policies.map(({ name, candidates }) => [name, { ...candidates, retrieval: 'none' } as const]),
  )
  return ({ request, moment, state, policy, searched, hidden }: Asked, catalogue: Catalogue, random: Random): Found => {
    const configured = policies.get(request.policy)!
    const index = indexOf(catalogue.features, configured)
    const max = maxFromCatalogue(config, configured)
    const retrieval = searched ? orderOf(configured.candidates, policy) : undefined
    if (retrieval && !catalogue.following && index.eligible.size > max) index.follow(retrieval, catalogue.features.size)
    const isSearching = searched && (retrieval !== undefined || catalogue.following === true)
    tellFailed(index, moment)
    const picked = pick({
      index,
      candidates: isSearching ? configured.candidates : drawn.get(request.policy)!,
      max,
      moment,
      hidden,
      nowMs: moment.now.getTime(),
      state,
      policy,
      retrieval,
      found: catalogue.foundAhead?.get(request.request_id),
      random,
    })
    const { features } = catalogue
    const itemIds = picked.map(({ row }) => features.at(row).itemId)
    const rows = picked.map(({ row }) => row)
    return {
      retrievalVersion: `${isSearched(picked) ? index.placed!.retrieval.space : 'catalogue'}-1`,
      candidates: picked.map(({ row, source, inclusion }, i) =>
        toCandidate(itemIds[i], versionAt(features, row), source, inclusion),
      ),
      vectors: rowVectors(features, { itemIds, rows }),
      dropped: [],
      reason: picked.length > 0 ? '' : catalogue.features.size === 0 ? 'empty_catalogue' : 'no_candidate_left',
    }
  }
}

const isSearched = (picked: readonly Picked[]): boolean => picked.some(({ source }) => source === 'retrieval')

/** What orders the catalogue for a policy: the serving version's own retrieval where it is wanted and there, else the history's. */
export function createOrder(encoder: StateEncoder) {
  const history = historyRetrieval(encoder)
  return ({ retrieval }: PolicyConfig['candidates'], policy: Policy | null): Retrieval | undefined =>
    retrieval === 'none' ? undefined : ((retrieval === 'model' ? policy?.retrieval : undefined) ?? history)
}

/** Failures on items alone happened when the catalogue changed; the next decision tells them. */
function tellFailed(index: CatalogueIndex, { failed }: Moment): void {
  for (const [source, count] of index.takeFailed()) failed.set(source, (failed.get(source) ?? 0) + count)
}

/** Feature version at a row; 0 where there is none. */
export const versionAt = (features: FeatureStore, row: number): number => (row < 0 ? 0 : features.versionOf(row))

const toCandidate = (
  item_id: string,
  feature_version: number,
  source: string,
  inclusion_probability: number,
): Candidate => ({ item_id, feature_version, source, inclusion_probability })

/** `count` of `all`, each subset alike, in their own order (Floyd's algorithm: Bentley & Floyd 1987). */
function subset({ itemIds, rows }: Allowed, count: number, random: Random): Allowed {
  const taken = new Set<number>()
  for (let last = itemIds.length - count; last < itemIds.length; last++) {
    const index = Math.floor(random.uniform() * (last + 1))
    taken.add(taken.has(index) ? last : index)
  }
  const places = [...taken].sort((a, b) => a - b)
  return { itemIds: places.map(index => itemIds[index]), rows: places.map(index => rows[index]) }
}
