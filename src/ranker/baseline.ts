/**
 * Slates of the caller's own rule. Apprentice: the request's baseline is shown, with what the policy would have shown
 * beside it. It goes through the same sampler, as the best of an ε-greedy choice over its own order, so with
 * ε = `baselineEpsilon` > 0 its propensities are exact and every candidate has one; with 0 it is deterministic. Logging
 * only: the caller has shown it already; by what chances it chose is its own affair, so they are `unknown`.
 */
import type { Candidate, Mode, Request } from '../../schemas/records.ts'
import { type Choice, unconstrained } from '../recommendations/decision.ts'
import type { Reason } from '../recommendations/reasons.ts'
import { createRandom, seedOf } from '../state/random.ts'
import type { Catalogue } from './candidates.ts'
import { type Chosen, slotsOf } from './choose.ts'
import { createLimits } from './constraints/limits.ts'
import { greedyOn, kindWithFloor } from './explorers/explorer.ts'
import { initialScorer } from './initial.ts'
import type { MayBeShown } from './may-be-shown.ts'
import { sampleSlate } from './slate.ts'

/** Salt of the baseline's own stream, so that the shadow slate is what the policy would have drawn. */
const baselineSalt = 2

type Shown = Omit<Choice, 'retrievalVersion' | 'explanation'>

/** What the caller's items are looked up in. */
export interface Shelf {
  readonly catalogue: Catalogue
  readonly may: MayBeShown
}

export interface Apprentice extends Shelf {
  readonly request: Request
  /** What the policy chose among, or would have. */
  readonly candidates: readonly Candidate[]
  /** Of these, those that the policy could not draw: hidden or pinned. */
  readonly masked: readonly number[]
  /** ε. */
  readonly epsilon: number
  /** The policy's choice; null: there was nothing to choose among. */
  readonly policy: Chosen | null
}

/** Of a baseline what may be shown; no other constraint touches the caller's own rule. */
export function apprentice({ request, candidates, masked, catalogue, may, epsilon, policy }: Apprentice): Shown {
  const baseline = request.baseline?.filter(may) ?? []
  const shadowSlate = policy?.slots.map(slot => slot.item_id) ?? []
  const why = policy?.reason === 'scores_not_finite' ? policy.reason : ''
  const shown = show({ request, baseline, candidates, masked, catalogue, may, epsilon })
  const first = policy?.firstSlotProbabilities ?? []
  return {
    ...shown,
    propensityKind: shown.slots.length > 0 ? kindWithFloor(epsilon) : 'unknown',
    // What only the baseline brought in the policy could not have chosen.
    firstSlotProbabilities: first.length > 0 ? shown.candidates.map((_, i) => first[i] ?? 0) : [],
    shadowSlate,
    reason: reasonOf(request, baseline) || why,
  }
}

const anything: MayBeShown = () => true

/** What was shown may no longer be allowed, or be more than was asked for: it is logged all the same. */
export const loggingOnly = ({
  request,
  candidates,
  catalogue,
}: Omit<Apprentice, 'masked' | 'may' | 'epsilon' | 'policy'>): Shown => ({
  ...show({
    request: whole(request),
    baseline: request.baseline ?? [],
    candidates,
    masked: [],
    catalogue,
    may: anything,
    epsilon: 0,
  }),
  propensityKind: 'unknown',
  firstSlotProbabilities: [],
  shadowSlate: null,
  reason: reasonOf(request, request.baseline ?? []),
})

const whole = (request: Request): Request => ({ ...request, slots: request.baseline?.length ?? 0 })

/** Of a request that is not scored: its baseline where it has one, whatever the mode. */
export const shed = (asked: Request, mode: Mode, { catalogue, may: mayNow }: Shelf): Choice => {
  const isShown = mode === 'logging_only'
  const [request, may] = isShown ? [whole(asked), anything] : [asked, mayNow]
  return {
    ...show({
      request,
      baseline: request.baseline?.filter(may) ?? [],
      candidates: [],
      masked: [],
      catalogue,
      may,
      epsilon: 0,
    }),
    retrievalVersion: 'none',
    propensityKind: 'unknown',
    firstSlotProbabilities: [],
    shadowSlate: null,
    explanation: null,
    reason: 'shed',
  }
}

function reasonOf(request: Request, baseline: readonly string[]): Reason | '' {
  if (request.baseline === null) return 'no_baseline'
  if (baseline.length === 0) return 'baseline_unavailable'
  return baseline.length < request.slots ? 'short_slate' : ''
}

interface Showing extends Omit<Apprentice, 'policy'> {
  /** Of it, what may be shown. */
  readonly baseline: readonly string[]
}

/** As many slots as the baseline fills. */
function show({ request, baseline, candidates: found, masked: closed, catalogue, may, epsilon }: Showing) {
  const candidates = baseline.length > 0 ? withBaseline(found, baseline, catalogue) : found
  const itemIds = candidates.map(candidate => candidate.item_id)
  const exploration = greedyOn(initialScorer({ ...request, baseline }, itemIds).mean, epsilon)
  const random = createRandom(seedOf(request.request_id, baselineSalt))
  const wanted = Math.min(request.slots, baseline.length)
  // What was found meets the filters, and a pin of the policy's is none of the baseline's.
  const masked = closed.filter(i => !may(itemIds[i]))
  const constraints = { ...unconstrained, masked }
  const limits = createLimits(constraints, [], wanted, new Array(itemIds.length))
  const slots = wanted > 0 ? slotsOf(sampleSlate(exploration, random, itemIds.length, wanted, limits), candidates) : []
  const explorer = { name: 'baseline', parameters: { epsilon } }
  return { explorer, candidates, constraints, slots, chosenBy: 'baseline' as const }
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
