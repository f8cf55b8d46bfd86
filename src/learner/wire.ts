/**
 * Transitions as a learner reads them. Candidates are most of a transition's bytes and far more of its objects, and only a
 * learner that scores them looks at them or at what came next: where none does, they are checked and left out.
 */
import type { Transition } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import { currentSchemas } from '../log/wire/schemas.ts'
import type { Wire } from '../log/wire/wire.ts'
import { topics } from '../pipeline.ts'
import { algorithms } from './algorithms.ts'

const unread = [
  'candidates',
  'next_state',
  'next_candidates',
  'next_masked',
] as const satisfies readonly (keyof Transition)[]
type Unread = (typeof unread)[number]

export type LearnedTransition = Omit<Transition, Unread> & Partial<Pick<Transition, Unread>>

/** The wire as the learners of these policies use it. */
export function learnersWire(wire: Wire, policies: readonly Pick<PolicyConfig, 'algorithm'>[]): Wire {
  if (policies.some(({ algorithm }) => algorithms[algorithm].seesCandidates)) return wire
  const { schema } = currentSchemas().find(({ name }) => name === topics.transitions.schema)!
  const fields = (schema as { fields: readonly { name: string }[] }).fields.map(({ name }) => name)
  const wanted = fields.filter(name => !(unread as readonly string[]).includes(name))
  return wire.narrowed?.({ transitions: wanted }, []) ?? wire
}
