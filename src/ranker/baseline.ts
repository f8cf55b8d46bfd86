/**
 * Slates of the caller's own rule. Apprentice: the request's baseline is shown, with what the policy would have shown
 * beside it. It goes through the same sampler, as the best of an ε-greedy choice over its own order, so with
 * ε = `baselineEpsilon` > 0 its propensities are exact and every candidate has one; with 0 it is deterministic. Logging
 * only: the caller has shown it already; by what chances it chose is its own affair, so they are `unknown`.
 */
import type { Candidate, Mode, Request } from '../../schemas/records.ts'
import type { Choice } from '../recommendations/decision.ts'
import type { Reason } from '../recommendations/reasons.ts'
import { createRandom, seedOf } from '../state/random.ts'
import type { Catalogue, Found } from './candidates.ts'
import { type Chosen, slotsOf } from './choose.ts'
import { greedyOn, kindWithFloor } from './explorers/explorer.ts'
import { initialScorer } from './initial.ts'
import { sampleSlate } from './slate.ts'

/** Salt of the baseline's own stream, so that the shadow slate is what the policy would have drawn. */
const baselineSalt = 2

type Shown = Omit<Choice, 'retrievalVersion' | 'explanation'>

export interface Apprentice {
  readonly request: Request
  readonly found: Found
  readonly catalogue: Catalogue
  /** ε. */
  readonly epsilon: number
  /** The policy's choice among what was found; null: there was nothing. */
  readonly policy: Chosen | null
}

export function apprentice({ request, found, catalogue, epsilon, policy }: Apprentice): Shown {
  const baseline = request.baseline?.filter(itemId => mayBeShown(itemId, catalogue)) ?? []
  const shadowSlate = policy?.slots.map(slot => slot.item_id) ?? []
  const why = policy?.reason === 'scores_not_finite' ? policy.reason : ''
  const shown = show({ request, baseline, candidates: found.candidates, catalogue, epsilon })
  const beyond = shown.candidates.length - found.candidates.length
  return {
    ...shown,
    propensityKind: shown.slots.length > 0 ? kindWithFloor(epsilon) : 'unknown',
    // What only the baseline brought in the policy could not have chosen.
    firstSlotProbabilities: policy ? [...policy.firstSlotProbabilities, ...new Array(beyond).fill(0)] : [],
    shadowSlate,
    reason: reasonOf(request, baseline) || why,
  }
}

/** What was shown may no longer be available: it is logged all the same. */
export const loggingOnly = ({ request, found, catalogue }: Omit<Apprentice, 'epsilon' | 'policy'>): Shown => ({
  ...show({ request, baseline: request.baseline ?? [], candidates: found.candidates, catalogue, epsilon: 0 }),
  propensityKind: 'unknown',
  firstSlotProbabilities: [],
  shadowSlate: null,
  reason: reasonOf(request, request.baseline ?? []),
})

/** Of a request that is not scored: its baseline where it has one, whatever the mode. */
export const shed = (request: Request, mode: Mode, catalogue: Catalogue): Choice => {
  const baseline = request.baseline?.filter(itemId => mode === 'logging_only' || mayBeShown(itemId, catalogue)) ?? []
  return {
    ...show({ request, baseline, candidates: [], catalogue, epsilon: 0 }),
    retrievalVersion: 'none',
    propensityKind: 'unknown',
    firstSlotProbabilities: [],
    shadowSlate: null,
    explanation: null,
    reason: 'shed',
  }
}

/** Before the catalogue is read nothing is known to be absent. */
export function mayBeShown(itemId: string, { features, catalogueReady }: Catalogue): boolean {
  const item = features.current(itemId)
  return item?.available ?? !catalogueReady
}

function reasonOf(request: Request, baseline: readonly string[]): Reason | '' {
  if (request.baseline === null) return 'no_baseline'
  if (baseline.length === 0) return 'baseline_unavailable'
  return baseline.length < request.slots ? 'short_slate' : ''
}

interface Showing extends Pick<Apprentice, 'request' | 'catalogue' | 'epsilon'> {
  /** Of it, what may be shown. */
  readonly baseline: readonly string[]
  /** Others that were found. */
  readonly candidates: readonly Candidate[]
}

/** As many slots as the baseline fills. */
function show({ request, baseline, candidates: found, catalogue, epsilon }: Showing) {
  const candidates = baseline.length > 0 ? withBaseline(found, baseline, catalogue) : found
  const itemIds = candidates.map(candidate => candidate.item_id)
  const exploration = greedyOn(initialScorer({ ...request, baseline }, itemIds).mean, epsilon)
  const random = createRandom(seedOf(request.request_id, baselineSalt))
  const wanted = Math.min(request.slots, baseline.length)
  const slots = wanted > 0 ? slotsOf(sampleSlate(exploration, random, itemIds.length, wanted), candidates) : []
  return { explorer: { name: 'baseline', parameters: { epsilon } }, candidates, slots, chosenBy: 'baseline' as const }
}

/** The baseline's items are there for sure, however the others were found. */
function withBaseline(
  found: readonly Candidate[],
  baseline: readonly string[],
  { features }: Catalogue,
): readonly Candidate[] {
  const own = new Set(baseline)
  const known = found.map(each => (own.has(each.item_id) ? { ...each, inclusion_probability: 1 } : each))
  for (const { item_id } of found) own.delete(item_id)
  const added = Array.from(own, (item_id): Candidate => {
    const feature_version = features.current(item_id)?.featureVersion ?? 0
    return { item_id, feature_version, source: 'baseline', inclusion_probability: 1 }
  })
  return [...known, ...added]
}
