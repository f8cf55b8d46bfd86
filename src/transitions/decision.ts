/**
 * What the joiner keeps of a recommendation. State and candidates go into the transitions as they are: from a bus they
 * come as their bytes (src/log/wire/passing.ts), which are a fifth of the work and of the memory of the objects; the
 * joiner may not look into them. What else is logged of a decision is for others.
 */
import type { Candidate, Recommendation, Slot, Snapshot, Transition } from '../../schemas/records.ts'
import type { Passed } from '../log/wire/passing.ts'
import type { Wanted, Wire } from '../log/wire/wire.ts'

export const decisionFields = [
  'decision_id',
  'policy',
  'user_id',
  'session_id',
  'session_step',
  'request_time_ms',
  'decision_time_ms',
  'model_version',
  'mode',
  'chosen_by',
  'propensity_kind',
  'state',
  'candidates',
  'constraints',
  'slots',
  'slate_hash',
  'pass_probability',
  'shed',
  'deferred',
  'reason',
] as const satisfies readonly (keyof Recommendation)[]

interface Unread {
  readonly state: Passed<Snapshot>
  readonly candidates: Passed<readonly Candidate[]>
}
export type Decision = Omit<Pick<Recommendation, (typeof decisionFields)[number]>, keyof Unread> & Unread

const slotFields = [
  'item_id',
  'position',
  'first_draw_propensity',
  'conditional_propensity',
  'pinned',
] as const satisfies readonly (keyof Slot)[]

/** True when nothing that the joiner looks into differs. */
export const sameDecision = (a: Decision, b: Decision): boolean =>
  a.slots.length === b.slots.length &&
  a.slots.every((slot, i) => slotFields.every(field => slot[field] === b.slots[i][field])) &&
  decisionFields.every(field => isPart(field) || a[field] === b[field])

const parts: readonly string[] = ['state', 'candidates', 'constraints', 'slots']
const isPart = (field: string): boolean => parts.includes(field)

/** A transition as the joiner writes it. */
export type Written = Omit<Transition, keyof Unread | 'next_state' | 'next_candidates'> &
  Unread & { readonly next_state: Unread['state'] | null; readonly next_candidates: Unread['candidates'] | null }

const acceptedFields = [
  'decision_id',
  'slot',
  'slots',
  'revision',
  'cumulative',
  'next_decision_id',
  'terminated',
  'truncated',
] as const satisfies readonly (keyof Transition)[]

/** What the joiner needs of an accepted transition. */
export type Accepted = Pick<Transition, (typeof acceptedFields)[number]>

const wanted: Wanted = { recommendations: decisionFields, transitions: acceptedFields }

/** The wire as the joiner uses it. */
export const joinersWire = (wire: Wire): Wire => wire.narrowed?.(wanted, ['Snapshot', 'Candidate']) ?? wire

/** About the bytes that a decision's unread parts take in a transition. */
export const unreadBytes = ({ state, candidates }: Decision): number =>
  (Buffer.isBuffer(state) ? state.length : 40 * state.history.length + (state.profile?.length ?? 0)) +
  (Buffer.isBuffer(candidates) ? candidates.length : 40 * candidates.length)
