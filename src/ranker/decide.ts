/**
 * One decision: a pure function of the request, the person's state, the model, the catalogue and a seed made of the request
 * id. The same five give the same bytes. Never wrong-footed: no model, an expired request, an empty catalogue or scores
 * that are no numbers each have a defined answer with a reason in the record.
 */
import type { Mode, Recommendation, Request, Slot } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import type { Policy, Scorer } from '../models/policy.ts'
import { buildDecision, type Circumstances, nothingChosen } from '../recommendations/decision.ts'
import { createStateEncoder } from '../state/encode.ts'
import { createRandom, seedOf } from '../state/random.ts'
import { placeInSession, snapshotOf, type UserState } from '../state/user.ts'
import { type Catalogue, createCandidateFinder, type Drop, type Found } from './candidates.ts'
import type { Explorer } from './explorers/explorer.ts'
import { explorers } from './explorers/named.ts'
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
}

/** @param nowMs decision time, ms since the epoch */
export type Decide = (request: Request, user: UserState, nowMs: number, view: RankerView) => Decision

export function createDecide(config: Config): Decide {
  const policies = new Map(config.policies.map(policy => [policy.name, policy]))
  const encoder = createStateEncoder(config)
  const findCandidates = createCandidateFinder(config.limits.maxCandidates, config.features.dimensions)

  return (request, user, nowMs, view) => {
    const policy = policies.get(request.policy)!
    const serving = view.serving(request.policy, request.user_id)
    const versionOf = (itemId: string): number => view.features.current(itemId)?.featureVersion ?? 0
    const circumstances = {
      request,
      session: placeInSession(user, request, policy.sessionGapMs),
      snapshot: snapshotOf(user, request.context, nowMs, versionOf),
      decisionTimeMs: nowMs,
      encoderVersion: encoder.version,
      modelVersion: serving.policy?.version ?? '',
      releaseVersion: serving.releaseVersion,
      seed: seedOf(request.request_id),
    }
    const explorer = serving.policy === null ? initialExplorer(policy.initial) : explorers[policy.explorer.name]
    if (request.deadline_ms !== null && nowMs > request.deadline_ms)
      return nothing({ ...circumstances, explorer: logged(explorer, policy) }, 'none', 'expired')
    const found = findCandidates(request, view)
    if (found.reason !== '')
      return nothing(
        { ...circumstances, explorer: logged(explorer, policy) },
        found.retrievalVersion,
        found.reason,
        found,
      )
    const scorer = serving.policy
      ? serving.policy.scorer(encoder.encode(circumstances.snapshot, view.features.vector), found.vectors)
      : initialScorer(request, found.vectors.itemIds)
    return choose(circumstances, policy, found, scorer, explorer)
  }
}

const logged = (explorer: Explorer, policy: PolicyConfig) => ({
  name: explorer.name,
  parameters: explorer.parameters(policy.explorer),
})

const nothing = (circumstances: Circumstances, retrieval: string, reason: string, found?: Found): Decision => ({
  recommendation: buildDecision(circumstances, nothingChosen(retrieval, reason)),
  dropped: found?.dropped ?? [],
})

function choose(
  circumstances: Omit<Circumstances, 'explorer'>,
  policy: PolicyConfig,
  found: Found,
  scorer: Scorer,
  wanted: Explorer,
): Decision {
  const finite = scorer.mean.every(Number.isFinite) && (scorer.deviation?.every(Number.isFinite) ?? true)
  const explorer = finite ? wanted : uniform
  const { request, seed } = circumstances
  const random = createRandom(seed)
  const exploration = explorer.open(scorer, random, policy.explorer)
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
  const choice = {
    retrievalVersion: found.retrievalVersion,
    candidates: found.candidates,
    slots,
    firstSlotProbabilities: Array.from(firstSlot),
    propensityKind: explorer.propensityKind(policy.explorer),
    mode: 'online',
    chosenBy: 'policy',
    shadowSlate: null,
    reason: finite ? (slots.length < request.slots ? 'short_slate' : '') : 'scores_not_finite',
  } as const
  const recommendation = buildDecision({ ...circumstances, explorer: logged(explorer, policy) }, choice)
  return { recommendation, dropped: found.dropped }
}
