/**
 * One decision: a pure function of the request, the person's state, the model, the catalogue and a seed made of the request
 * id. The same five give the same bytes. Never wrong-footed: no model, an expired request, an empty catalogue or scores
 * that are no numbers each have a defined answer with a reason in the record.
 */
import type { Constraints, Mode, Quota, Recommendation, Request, Slot } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Learned, Policy, Scorer } from '../models/policy.ts'
import { buildDecision, type Circumstances, nothingChosen } from '../recommendations/decision.ts'
import { createStateEncoder } from '../state/encode.ts'
import { createRandom, seedOf } from '../state/random.ts'
import { placeInSession, snapshotOf, type UserState } from '../state/user.ts'
import { type Catalogue, createCandidateFinder, type Drop } from './candidates.ts'
import { type Moment, momentOf } from './condition.ts'
import { createRules, type Limited } from './constraints/rules.ts'
import type { Explorer } from './explorers/explorer.ts'
import { createExplorer } from './explorers/named.ts'
import { explorerNeeds } from './explorers/schema.ts'
import { uniform } from './explorers/uniform.ts'
import { initialExplorer, initialScorer } from './initial.ts'
import { sampleSlate } from './slate.ts'

export interface Serving {
  /** Null: no release yet, the initial policy of the configuration serves. */
  readonly policy: Policy | null
  readonly releaseVersion: string
  readonly mode: Mode
}

export interface RankerView extends Catalogue {
  readonly serving: (policy: string, userId: string) => Serving
}

export interface Decision {
  readonly recommendation: Recommendation
  readonly dropped: readonly Drop[]
  /** Conditions that could not be evaluated, by source. */
  readonly failed: Moment['failed']
}

/** @param nowMs decision time, ms since the epoch */
export type Decide = (request: Request, user: UserState, nowMs: number, view: RankerView) => Decision

export function createDecide(config: Config): Decide {
  const policies = new Map(config.policies.map(policy => [policy.name, policy]))
  const explorers = new Map(config.policies.map(policy => [policy.name, createExplorer(policy.explorer)]))
  const rules = new Map(
    config.policies.map(({ name, constraints }) => [name, createRules(constraints, config.features.dimensions)]),
  )
  const encoder = createStateEncoder(config)
  const findCandidates = createCandidateFinder(config.limits.maxCandidates, config.features.dimensions)

  return (request, user, nowMs, view) => {
    const policy = policies.get(request.policy)!
    const serving = view.serving(request.policy, request.user_id)
    const explorer = serving.policy === null ? initialExplorer(policy) : explorers.get(policy.name)!
    const learned = serving.policy?.learned
    const versionOf = (itemId: string): number => view.features.current(itemId)?.featureVersion ?? 0
    const circumstances: Circumstances = {
      request,
      session: placeInSession(user, request, policy.sessionGapMs),
      snapshot: snapshotOf(user, request.context, nowMs, versionOf),
      decisionTimeMs: nowMs,
      encoderVersion: encoder.version,
      modelVersion: serving.policy?.version ?? '',
      releaseVersion: serving.releaseVersion,
      explorer: logged(explorer, learned),
      seed: seedOf(request.request_id),
    }
    if (request.deadline_ms !== null && nowMs > request.deadline_ms) return nothing(circumstances, 'none', 'expired')
    const found = findCandidates(request, view)
    if (found.reason !== '') return nothing(circumstances, found.retrievalVersion, found.reason, found.dropped)
    const { snapshot } = circumstances
    const moment = momentOf(request.context, request.user_id, user.profile?.attributes ?? {}, nowMs)
    const limited = rules.get(policy.name)!({ request, found, snapshot, moment }, view)
    const { vectors } = limited.found
    const scorer = serving.policy
      ? serving.policy.scorer(encoder.encode(snapshot, view.features.vector), vectors)
      : initialScorer(request, vectors.itemIds)
    const means = areFinite(scorer, explorer)
      ? { limited, scorer, learned, explorer, reason: limited.reason }
      : { limited, scorer, learned, explorer: uniform, reason: 'scores_not_finite' }
    const recommendation = choose({ ...circumstances, explorer: logged(means.explorer, learned) }, means)
    return { recommendation, dropped: found.dropped, failed: moment.failed }
  }
}

/** Only what the explorer uses is looked at: what it does not is not computed. */
const areFinite = (scorer: Scorer, { name }: Explorer): boolean => {
  const need = explorerNeeds[name]
  const others = need === 'members' ? (scorer.members ?? []) : need === 'posterior' ? [scorer.deviation ?? []] : []
  return [scorer.mean, ...others].every(values => values.every(Number.isFinite))
}

const logged = (explorer: Explorer, learned: Learned | undefined) => ({
  name: explorer.name,
  parameters: explorer.parameters(learned),
})

const nothing = (
  circumstances: Circumstances,
  retrievalVersion: string,
  reason: string,
  dropped: readonly Drop[] = [],
): Decision => ({
  recommendation: buildDecision(circumstances, nothingChosen(retrievalVersion, reason)),
  dropped,
  failed: new Map(),
})

interface Means {
  readonly limited: Limited
  readonly scorer: Scorer
  readonly learned: Learned | undefined
  readonly explorer: Explorer
  /** What is unusual about them; empty: nothing. */
  readonly reason: string
}

function choose(circumstances: Circumstances, means: Means): Recommendation {
  const { limited, scorer, learned, explorer, reason } = means
  const { request, seed } = circumstances
  const { candidates, retrievalVersion } = limited.found
  const random = createRandom(seed)
  const exploration = explorer.open(scorer, random, learned)
  const { draws, firstSlot } = sampleSlate(exploration, random, candidates.length, request.slots, limited.limits)
  const slots = draws.map(
    (draw, position): Slot => ({
      item_id: candidates[draw.candidate].item_id,
      candidate: draw.candidate,
      position,
      first_draw_propensity: draw.firstDraw,
      conditional_propensity: draw.conditional,
      pinned: draw.pinned,
    }),
  )
  const isDrawn = firstSlot.length > 0
  return buildDecision(circumstances, {
    retrievalVersion,
    candidates,
    constraints: counted(limited.constraints, slots),
    slots,
    firstSlotProbabilities: Array.from(firstSlot),
    propensityKind: isDrawn ? explorer.propensityKind(learned) : slots.length > 0 ? 'deterministic' : 'unknown',
    mode: 'online',
    chosenBy: isDrawn || slots.length === 0 ? 'policy' : 'pinned',
    shadowSlate: null,
    reason: reason || (slots.length === 0 ? 'nothing_allowed' : slots.length < request.slots ? 'short_slate' : ''),
  })
}

/** With how many slots each group has got. */
function counted(constraints: Constraints, slots: readonly Slot[]): Constraints {
  if (constraints.quotas.length === 0) return constraints
  const shown = ({ candidates }: Quota) => slots.filter(({ candidate }) => candidates.includes(candidate)).length
  return { ...constraints, counters: Object.fromEntries(constraints.quotas.map(quota => [quota.name, shown(quota)])) }
}
