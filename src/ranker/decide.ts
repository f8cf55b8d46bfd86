/**
 * One decision: a pure function of the request, the person's state, the model, the catalogue, the load and a seed made of
 * the request id. The same six give the same bytes. Never wrong-footed: no model, no time, an empty catalogue or scores
 * that are no numbers each have a defined answer with a reason in the record (src/recommendations/reasons.ts).
 */
import type { Mode, Recommendation, Release, Request } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { CandidateVectors, Policy, Scorer } from '../models/policy.ts'
import { buildDecision, type Choice, type Circumstances, nothingChosen } from '../recommendations/decision.ts'
import { createStateEncoder } from '../state/encode.ts'
import { seedOf } from '../state/random.ts'
import { isUnknown, noSnapshot, placeInSession, snapshotOf, type UserState } from '../state/user.ts'
import { apprentice, loggingOnly, shed } from './baseline.ts'
import { type Catalogue, createCandidateFinder, type Drop, type Found, versionAt } from './candidates.ts'
import { type Chosen, choose, logged } from './choose.ts'
import { type Moment, momentOf } from './condition.ts'
import { createHidden } from './constraints/hidden.ts'
import { createRules } from './constraints/rules.ts'
import { createExplain } from './explain.ts'
import { createExplorer } from './explorers/named.ts'
import { initialExplorer, initialScorer } from './initial.ts'
import { createMayBeShown } from './may-be-shown.ts'
import { passes } from './shed.ts'

export interface Serving {
  /** Null: no release yet, the initial policy of the configuration serves. */
  readonly policy: Policy | null
  readonly releaseVersion: string
  readonly mode: Mode
  readonly evidence: Release['evidence']
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

/** @param nowMs decision time, ms since the epoch
 * @param passProbability with which it is not shed (shed.ts) */
export type Decide = (
  request: Request,
  user: UserState,
  nowMs: number,
  view: RankerView,
  passProbability?: number,
) => Decision

export function createDecide(config: Config): Decide {
  const policies = new Map(config.policies.map(policy => [policy.name, policy]))
  const explorers = new Map(config.policies.map(policy => [policy.name, createExplorer(policy.explorer)]))
  const encoder = createStateEncoder(config)
  const explain = createExplain(config)
  const findCandidates = createCandidateFinder(config, encoder)
  const mayBeShown = createMayBeShown(config)
  const hiddenFrom = new Map(config.policies.map(({ name, constraints }) => [name, createHidden(constraints)]))
  const rules = new Map(
    config.policies.map(({ name, constraints }) => [name, createRules(constraints, config.features.dimensions)]),
  )

  /** What holds whatever is chosen, and nothing that costs. */
  const begin = (request: Request, user: UserState, nowMs: number, view: RankerView, passProbability: number) => {
    const policy = policies.get(request.policy)!
    const serving = view.serving(request.policy, request.user_id)
    const { policy: model, releaseVersion, mode } = serving
    const thin: Circumstances = {
      request,
      session: placeInSession(user, request, policy.sessionGapMs),
      snapshot: noSnapshot,
      decisionTimeMs: nowMs,
      encoderVersion: encoder.version,
      modelVersion: model?.version ?? '',
      releaseVersion,
      mode,
      seed: seedOf(request.request_id),
      passProbability,
    }
    const explorer = model === null ? initialExplorer(policy) : explorers.get(policy.name)!
    return { thin, serving, explorer, epsilon: policy.baselineEpsilon }
  }

  return (request, user, nowMs, view, passProbability = 1) => {
    const { thin, serving, explorer, epsilon } = begin(request, user, nowMs, view, passProbability)
    const { policy: model, mode, evidence } = serving
    const moment = momentOf(request.context, request.user_id, user.profile?.attributes ?? {}, nowMs)
    const { failed } = moment
    const how = {
      explorer: logged(explorer, model?.learned),
      chosenBy: mode === 'online' ? 'policy' : 'baseline',
    } as const
    if (isLate(request, mode, nowMs)) {
      const nothing = nothingChosen({ ...how, retrievalVersion: 'none' }, 'expired')
      return { recommendation: buildDecision({ ...thin, passProbability: 1 }, nothing), dropped: [], failed }
    }
    if (!passes(request.request_id, passProbability)) {
      // The record has no snapshot; what the person has seen is known all the same.
      const seen = () => snapshotOf(user, {}, nowMs, () => 0).history
      const hidden = hiddenFrom.get(request.policy)!(request, seen)
      const may = mayBeShown({ request, hidden, moment }, view)
      return { recommendation: buildDecision(thin, shed(request, mode, { may, catalogue: view })), dropped: [], failed }
    }
    const lookup = view.features.vector
    const versionOf = (itemId: string): number => versionAt(view.features, view.features.rowOf(itemId))
    const snapshot = snapshotOf(user, request.context, nowMs, versionOf)
    const circumstances = { ...thin, snapshot }
    const state = encoder.encode(snapshot, lookup)
    const hidden = hiddenFrom.get(request.policy)!(request, () => snapshot.history)
    const searched = mode !== 'logging_only'
    const found = findCandidates({ request, moment, state, policy: model, searched, hidden }, view)
    const { retrievalVersion, dropped } = found
    const record = (choice: Omit<Choice, 'retrievalVersion'>): Decision => {
      const reason = choice.reason || (isUnknown(user) ? 'new_user' : '')
      return { recommendation: buildDecision(circumstances, { ...choice, retrievalVersion, reason }), dropped, failed }
    }
    if (mode === 'logging_only')
      // Beside what was shown stands what could have been: who imitates a baseline needs both.
      return record({
        ...loggingOnly({ request, candidates: found.candidates, catalogue: view }),
        explanation: null,
      })
    const may = mayBeShown({ request, hidden, moment }, view)
    const limited = rules.get(request.policy)!({ request, found, hidden, moment, may }, view)
    const { candidates, vectors } = limited.found
    const scorer = limited.found.reason === '' ? score(request, state, model, vectors) : null
    const chosen =
      scorer && choose({ limited, scorer, learned: model?.learned, explorer, slots: request.slots, seed: thin.seed })
    const shown = { catalogue: view, may, masked: limited.constraints.masked }
    const choice =
      mode === 'online'
        ? online(limited.found, chosen, how)
        : apprentice({ ...shown, request, candidates, epsilon, policy: chosen })
    const explained = { policy: model, snapshot, lookup, vectors, chosen: mode === 'online', evidence }
    const { masked } = choice.constraints
    const explanation =
      request.explain && scorer ? explain({ ...explained, ...choice, masked, mean: scorer.mean }) : null
    return record({ ...choice, explanation })
  }
}

const score = (request: Request, state: Float64Array, model: Policy | null, vectors: CandidateVectors): Scorer =>
  model ? model.scorer(state, vectors) : initialScorer(request, vectors.itemIds)

/** What is only logged was shown already. */
export const isLate = ({ deadline_ms: deadlineMs }: Request, mode: Mode, nowMs: number): boolean =>
  mode !== 'logging_only' && deadlineMs !== null && nowMs > deadlineMs

type How = Pick<Choice, 'explorer' | 'chosenBy'>

/** @param chosen null where nothing was found, for `found.reason` */
function online(found: Found, chosen: Chosen | null, how: How): Omit<Choice, 'explanation'> {
  const { retrievalVersion, reason } = found
  if (reason !== '') return nothingChosen({ ...how, retrievalVersion }, reason)
  return { ...chosen!, retrievalVersion, shadowSlate: null }
}
