/**
 * What a decision may choose among: the items that the request names, else the catalogue's available items. Too many are
 * thinned to a seeded uniform subset, and every candidate carries the probability with which it got in: what cannot be
 * chosen with a known probability cannot be learned from. Retrieval and filters will be further sources behind `Found`.
 */
import type { Candidate, Request } from '../../schemas/records.ts'
import type { CatalogueItem, FeatureStore } from '../features/store.ts'
import type { CandidateVectors } from '../models/policy.ts'
import { createRandom, type Random, seedOf } from '../state/random.ts'

export type Drop = 'unknown' | 'unavailable'

export interface Found {
  /** How they were found: logged as retrieval_version. */
  readonly retrievalVersion: string
  readonly candidates: readonly Candidate[]
  readonly vectors: CandidateVectors
  /** Why candidates of the request were left out, one entry each. */
  readonly dropped: readonly Drop[]
  /** Why there is none; empty when there is one. */
  readonly reason: '' | 'empty_catalogue' | 'no_candidate_left'
}

export interface Catalogue {
  readonly features: FeatureStore
  /** The catalogue has been read: an item that is not in it does not exist. */
  readonly catalogueReady: boolean
}

/** Salt of the retrieval's own stream: a decision can be re-run from its logged candidates without it. */
const retrievalSalt = 1

/** @param dimensions of item vectors: an item without features has that many zeros */
export function createCandidateFinder(maxCandidates: number, dimensions: number) {
  const zeros = new Float32Array(dimensions)
  return (request: Request, catalogue: Catalogue): Found => {
    const { allowed, dropped } =
      request.candidates === null
        ? { allowed: catalogue.features.availableItems(), dropped: [] }
        : allow(request.candidates, catalogue)
    const random = createRandom(seedOf(request.request_id, retrievalSalt))
    const itemIds = allowed.length > maxCandidates ? uniformSubset(allowed, maxCandidates, random) : allowed
    const source = request.candidates === null ? 'catalogue' : 'request'
    const items = itemIds.map(itemId => catalogue.features.current(itemId))
    const inclusion = itemIds.length / Math.max(1, allowed.length)
    return {
      retrievalVersion: `${source}-1`,
      candidates: itemIds.map((itemId, i) => toCandidate(itemId, items[i], source, inclusion)),
      vectors: { itemIds, vectors: items.map(item => item?.vector ?? zeros) },
      dropped,
      reason: itemIds.length > 0 ? '' : source === 'request' ? 'no_candidate_left' : 'empty_catalogue',
    }
  }
}

const toCandidate = (
  itemId: string,
  item: CatalogueItem | undefined,
  source: string,
  inclusion: number,
): Candidate => ({
  item_id: itemId,
  feature_version: item?.featureVersion ?? 0,
  source,
  inclusion_probability: inclusion,
})

function allow(wanted: readonly string[], catalogue: Catalogue): { allowed: readonly string[]; dropped: Drop[] } {
  const allowed: string[] = []
  const dropped: Drop[] = []
  for (const itemId of wanted) {
    const item = catalogue.features.current(itemId)
    if (item === undefined && catalogue.catalogueReady) dropped.push('unknown')
    else if (item?.available === false) dropped.push('unavailable')
    else allowed.push(itemId)
  }
  return { allowed, dropped }
}

/** `count` of `all`, each subset alike, in their own order (Floyd's algorithm: Bentley & Floyd 1987). */
function uniformSubset(all: readonly string[], count: number, random: Random): readonly string[] {
  const taken = new Set<number>()
  for (let last = all.length - count; last < all.length; last++) {
    const index = Math.floor(random.uniform() * (last + 1))
    taken.add(taken.has(index) ? last : index)
  }
  return [...taken].sort((a, b) => a - b).map(index => all[index])
}
