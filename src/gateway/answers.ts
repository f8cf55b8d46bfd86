/** What the door answers with. The package's client is made of this file and its own (tsconfig.client.json): it imports nothing that runs. */
import type { Recommendation, UserFeatures } from '../../schemas/records.ts'
import type { Reason } from '../recommendations/reasons.ts'

/** Fields of a decision that its answer repeats. */
export const answerFields = [
  'decision_id',
  'policy',
  'user_id',
  'session_id',
  'decision_time_ms',
  'model_version',
  'release_version',
  'mode',
  'chosen_by',
  'propensity_kind',
  'slots',
  'slate_hash',
  'reason',
  'shadow_slate',
  'explanation',
] as const satisfies readonly (keyof Recommendation)[]

/** A decision, accepted and logged. */
export type Logged = Readonly<Pick<Recommendation, (typeof answerFields)[number]>> & {
  readonly logged: true
  /** Item ids to show, in order; empty: none, for `reason`. */
  readonly items: readonly string[]
}

/** The caller's own baseline, given back because the log is away: no decision, never learned. */
export interface Unlogged {
  readonly logged: false
  readonly items: readonly string[]
  readonly reason: Extract<Reason, 'log_unavailable'>
}

export type Answer = Logged | Unlogged

/** What was appended. */
export interface Appended {
  readonly appended: number
}

/** What the ranker knows of a user. */
export interface UserAnswer {
  readonly user_id: string
  readonly partition: number
  readonly history: readonly {
    readonly item_id: string
    readonly type: string
    readonly time_ms: number
    readonly value: number
  }[]
  readonly counts: Readonly<Record<string, number>>
  readonly profile: Pick<UserFeatures, 'profile_version' | 'encoder_version' | 'attributes' | 'time_ms'> | null
  readonly sessions: readonly {
    readonly policy: string
    readonly session_id: string
    readonly last_decision_id: string
    readonly decisions: number
    readonly last_time_ms: number
  }[]
}

/** RFC 9457, with the code of docs/errors.md. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  /** What to do about it. */
  readonly remedy: string
}
