/**
 * Builds the decision record. A recommendation *is* its decision record: everything that learning, evaluation and audit
 * will need stands in it, because nothing is recomputed later. So a field says what was done, never what was meant.
 */
import type {
  Candidate,
  ChosenBy,
  Constraints,
  Explanation,
  Explorer,
  Mode,
  PropensityKind,
  Recommendation,
  Request,
  Slot,
  Snapshot,
} from '../../schemas/records.ts'
import type { SessionPlace } from '../state/user.ts'
import type { Reason } from './reasons.ts'
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
  readonly mode: Mode
  readonly seed: number
  /** Probability of not having been shed; 1: nothing is. */
  readonly passProbability: number
}

export interface Choice {
  readonly explorer: Explorer
  readonly retrievalVersion: string
  readonly candidates: readonly Candidate[]
  readonly constraints: Constraints
  readonly slots: readonly Slot[]
  readonly firstSlotProbabilities: readonly number[]
  readonly propensityKind: PropensityKind
  readonly chosenBy: ChosenBy
  readonly shadowSlate: readonly string[] | null
  readonly explanation: Explanation | null
  /** Empty: as usual. */
  readonly reason: Reason | ''
}

/** Nothing limited the choice. */
export const unconstrained: Constraints = { masked: [], counters: {}, quotas: [], shifts: [], diversity: null }

/** A decision to show nothing, for a reason. It has no propensities, so they are worth nothing. */
export const nothingChosen = (
  how: Pick<Choice, 'explorer' | 'retrievalVersion' | 'chosenBy'>,
  reason: Reason,
): Choice => ({
  ...how,
  candidates: [],
  constraints: unconstrained,
  slots: [],
  firstSlotProbabilities: [],
  propensityKind: 'unknown',
  shadowSlate: null,
  explanation: null,
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
    mode: circumstances.mode,
    chosen_by: choice.chosenBy,
    propensity_kind: choice.propensityKind,
    explorer: choice.explorer,
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
    pass_probability: circumstances.passProbability,
    shed: choice.reason === 'shed',
    deferred: request.deferred,
    reason: choice.reason,
    explanation: choice.explanation,
  }
}
