/**
 * Builds the decision record. A recommendation *is* its decision record: everything that learning, evaluation and audit
 * will need stands in it, because nothing is recomputed later. So a field says what was done, never what was meant.
 */
import type {
  Candidate,
  ChosenBy,
  Constraints,
  Explorer,
  Mode,
  PropensityKind,
  Recommendation,
  Request,
  Slot,
  Snapshot,
} from '../../schemas/records.ts'
import type { SessionPlace } from '../state/user.ts'
import { slateHash } from './slate-hash.ts'

/** What holds whatever is chosen. */
export interface Circumstances {
  readonly request: Request
  readonly session: SessionPlace
  readonly snapshot: Snapshot
  readonly decisionTimeMs: number
  readonly encoderVersion: string
  readonly modelVersion: string
  readonly releaseVersion: string
  readonly explorer: Explorer
  readonly seed: number
}

export interface Choice {
  readonly retrievalVersion: string
  readonly candidates: readonly Candidate[]
  readonly constraints: Constraints
  readonly slots: readonly Slot[]
  readonly firstSlotProbabilities: readonly number[]
  readonly propensityKind: PropensityKind
  readonly mode: Mode
  readonly chosenBy: ChosenBy
  readonly shadowSlate: readonly string[] | null
  /** Empty: as usual. */
  readonly reason: string
}

/** Nothing limited the choice. */
export const unconstrained: Constraints = { masked: [], counters: {}, quotas: [], shifts: [], diversity: null }

/** A decision to show nothing, for a reason. It has no propensities, so they are worth nothing. */
export const nothingChosen = (retrievalVersion: string, reason: string): Choice => ({
  retrievalVersion,
  candidates: [],
  constraints: unconstrained,
  slots: [],
  firstSlotProbabilities: [],
  propensityKind: 'unknown',
  mode: 'online',
  chosenBy: 'policy',
  shadowSlate: null,
  reason,
})

export function buildDecision(circumstances: Circumstances, choice: Choice): Recommendation {
  const { request, session } = circumstances
  return {
    decision_id: request.request_id,
    policy: request.policy,
    user_id: request.user_id,
    session_id: session.sessionId,
    previous_decision_id: session.previousDecisionId,
    session_step: session.step,
    request_time_ms: request.time_ms,
    decision_time_ms: circumstances.decisionTimeMs,
    deadline_ms: request.deadline_ms,
    model_version: circumstances.modelVersion,
    release_version: circumstances.releaseVersion,
    encoder_version: circumstances.encoderVersion,
    retrieval_version: choice.retrievalVersion,
    mode: choice.mode,
    chosen_by: choice.chosenBy,
    propensity_kind: choice.propensityKind,
    explorer: circumstances.explorer,
    state: circumstances.snapshot,
    candidates: choice.candidates,
    constraints: choice.constraints,
    slots: choice.slots,
    first_slot_probabilities: choice.firstSlotProbabilities,
    shadow_slate: choice.shadowSlate,
    slate_hash: slateHash(
      request.request_id,
      choice.slots.map(slot => slot.item_id),
    ),
    seed: circumstances.seed,
    pass_probability: 1,
    shed: false,
    deferred: request.deferred,
    reason: choice.reason,
  }
}
