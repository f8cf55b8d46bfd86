/**
 * The joiner's tables as bytes. A join's decision never changes and is kept apart from what does. Its state and candidates
 * are the wire's own bytes already and stay so; its other fields are laid out by position, and so is the rest of the
 * join, so that names are not written a million times.
 */
import type { Config } from '../config.ts'
import { jsonCodec, partsCodec } from '../state/codec.ts'
import type { Codec } from '../state/table.ts'
import { type Decision, decisionFields } from './decision.ts'
import type { Emitted, Join, Outcome } from './join.ts'
import { joinerRules } from './rules-print.ts'
import type { JoinerRows } from './state.ts'

/** Raised when tables change their meaning without changing their shape. */
const TABLES = 3

const decisions: Codec<Decision> = partsCodec<Decision>(
  decision => {
    const { state, candidates } = decision
    const asBytes = Buffer.isBuffer(state) && Buffer.isBuffer(candidates)
    const kept = asBytes ? { ...decision, state: null, candidates: null } : decision
    return { rest: decisionFields.map(field => kept[field]), parts: asBytes ? [state, candidates] : [] }
  },
  (values, parts) => {
    const decision: Record<string, unknown> = {}
    for (const [i, field] of decisionFields.entries()) decision[field] = (values as readonly unknown[])[i]
    if (parts.length > 0) [decision.state, decision.candidates] = parts
    return decision as unknown as Decision
  },
)

type EmittedRow = readonly [number, Emitted['cumulative'], string | null, boolean, boolean]
type OutcomeRow = readonly [string, string, number, number | null, number, number?]
type Rest = readonly [Join['kind'], boolean, readonly OutcomeRow[], readonly (EmittedRow | null)[]]

const emittedRow = (each: Emitted | undefined): EmittedRow | null =>
  each ? [each.revision, each.cumulative, each.nextId, each.terminated, each.truncated] : null
const emittedOf = ([revision, cumulative, nextId, terminated, truncated]: EmittedRow): Emitted => ({
  revision,
  cumulative,
  nextId,
  terminated,
  truncated,
})
const outcomeRow = ({ id, type, slot, value, timeMs, parts }: Outcome): OutcomeRow =>
  parts === 1 ? [id, type, slot, value, timeMs] : [id, type, slot, value, timeMs, parts]
const outcomeOf = ([id, type, slot, value, timeMs, parts = 1]: OutcomeRow): Outcome => ({
  id,
  type,
  slot,
  value,
  timeMs,
  parts,
})

const rests = jsonCodec<Rest>()

const joinCodec: Codec<Join> = {
  scattered: true,
  fixed: {
    of: join => join.decision,
    encode: join => decisions.encode(join.decision),
    decode: bytes => decisions.decode(bytes),
  },
  encode: ({ kind, active, outcomes, emitted }) =>
    rests.encode([kind, active, outcomes.map(outcomeRow), Array.from(emitted, emittedRow)]),
  decode(bytes, decision) {
    const [kind, active, outcomes, emitted] = rests.decode(bytes)
    return {
      decision: decision as Decision,
      kind,
      active,
      outcomes: outcomes.map(outcomeOf),
      emitted: emitted.map(row => (row === null ? undefined! : emittedOf(row))),
    }
  },
}

export const joinerCodecs: { readonly [K in keyof JoinerRows]: Codec<JoinerRows[K]> } = {
  joins: joinCodec,
  sessions: jsonCodec(),
  touches: jsonCodec(),
  waiting: jsonCodec(),
  seen: { ...jsonCodec(), scattered: true },
  pages: jsonCodec(),
  buckets: jsonCodec(),
  clock: jsonCodec(),
}

/** All that the tables' content depends on besides the inputs: under other rules they must be built anew. */
export const joinerVersion = (config: Config): string => JSON.stringify([TABLES, decisionFields, joinerRules(config)])
