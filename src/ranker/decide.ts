/**
 * One decision: a pure function of the request, the person's state, the model, the catalogue and a seed made of the request
 * id. The same five give the same bytes. Never wrong-footed: no model, an expired request, an empty catalogue or scores
 * that are no numbers each have a defined answer with a reason in the record.
 */
import type { Mode, Recommendation, Request, Slot } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Learned, Policy, Scorer } from '../models/policy.ts'
import { buildDecision, type Circumstances, nothingChosen } from '../recommendations/decision.ts'
import { createStateEncoder } from '../state/encode.ts'
import { createRandom, seedOf } from '../state/random.ts'
import { placeInSession, snapshotOf, type UserState } from '../state/user.ts'
import { type Catalogue, createCandidateFinder, type Drop, type Found } from './candidates.ts'
import { type Moment, momentOf } from './condition.ts'
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
  const encoder = createStateEncoder(config)
  const findCandidates = createCandidateFinder(config, encoder)

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
    const moment = momentOf(request.context, request.user_id, user.profile?.attributes ?? {}, nowMs)
    const { failed } = moment
    if (request.deadline_ms !== null && nowMs > request.deadline_ms)
      return { recommendation: nothing(circumstances, 'none', 'expired'), dropped: [], failed }
    const state = encoder.encode(circumstances.snapshot, view.features.vector)
    const found = findCandidates({ request, moment, state, policy: serving.policy }, view)
    const { dropped } = found
    if (found.reason !== '')
      return { recommendation: nothing(circumstances, found.retrievalVersion, found.reason), dropped, failed }
    const scorer = serving.policy
      ? serving.policy.scorer(state, found.vectors)
      : initialScorer(request, found.vectors.itemIds)
    const means = areFinite(scorer, explorer)
      ? { found, scorer, learned, explorer, reason: '' }
      : { found, scorer, learned, explorer: uniform, reason: 'scores_not_finite' }
    const recommendation = choose({ ...circumstances, explorer: logged(means.explorer, learned) }, means)
    return { recommendation, dropped, failed }
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

const nothing = (circumstances: Circumstances, retrievalVersion: string, reason: string): Recommendation =>
  buildDecision(circumstances, nothingChosen(retrievalVersion, reason))

interface Means {
  readonly found: Found
  readonly scorer: Scorer
  readonly learned: Learned | undefined
  readonly explorer: Explorer
  /** What is unusual about them; empty: nothing. */
  readonly reason: string
}

function choose(circumstances: Circumstances, { found, scorer, learned, explorer, reason }: Means): Recommendation {
  const { request, seed } = circumstances
  const random = createRandom(seed)
  const exploration = explorer.open(scorer, random, learned)
  const { draws, firstSlot } = sampleSlate(exploration, random, found.candidates.length, request.slots)
  const slots = draws.map(
    (draw, position): Slot => ({
      item_id: found.candidates[draw.candidate].item_id,
      candidate: draw.candidate,
      position,
      first_draw_propensity: draw.firstDraw,
      conditional_propensity: draw.conditional,
    }),
  )
  return buildDecision(circumstances, {
    retrievalVersion: found.retrievalVersion,
    candidates: found.candidates,
    slots,
    firstSlotProbabilities: Array.from(firstSlot),
    propensityKind: explorer.propensityKind(learned),
    mode: 'online',
    chosenBy: 'policy',
    shadowSlate: null,
    reason: reason || (slots.length < request.slots ? 'short_slate' : ''),
  })
}
