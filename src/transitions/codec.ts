/**
 * The joiner's tables as bytes. A join's state and candidates are the wire's own bytes already and stay so; the other
 * fields of the decision are laid out by position, so that their names are not written a million times.
 */
import type { Config } from '../config.ts'
import { jsonCodec, partsCodec } from '../state/codec.ts'
import type { Codec } from '../state/table.ts'
import { type Decision, decisionFields } from './decision.ts'
import type { Join } from './join.ts'
import { joinerRules } from './rules-print.ts'
import type { JoinerRows } from './state.ts'

/** Raised when tables change their meaning without changing their shape. */
const TABLES = 2

type Rest = readonly [readonly unknown[], Join['kind'], boolean, Join['outcomes'], Join['emitted']]

const joinCodec: Codec<Join> = partsCodec<Join>(
  ({ decision, kind, active, outcomes, emitted }) => {
    const { state, candidates } = decision
    const asBytes = Buffer.isBuffer(state) && Buffer.isBuffer(candidates)
    const kept = asBytes ? { ...decision, state: null, candidates: null } : decision
    const rest: Rest = [decisionFields.map(field => kept[field]), kind, active, outcomes, emitted]
    return { rest, parts: asBytes ? [state, candidates] : [] }
  },
  (rest, parts) => {
    const [values, kind, active, outcomes, emitted] = rest as Rest
    const decision: Record<string, unknown> = {}
    for (const [i, field] of decisionFields.entries()) decision[field] = values[i]
    if (parts.length > 0) [decision.state, decision.candidates] = parts
    return { decision: decision as unknown as Decision, kind, active, outcomes, emitted }
  },
)

export const joinerCodecs: { readonly [K in keyof JoinerRows]: Codec<JoinerRows[K]> } = {
  joins: joinCodec,
  sessions: jsonCodec(),
  touches: jsonCodec(),
  waiting: jsonCodec(),
  seen: jsonCodec(),
  pages: jsonCodec(),
  buckets: jsonCodec(),
  clock: jsonCodec(),
}

/** All that the tables' content depends on besides the inputs: under other rules they must be built anew. */
export const joinerVersion = (config: Config): string => JSON.stringify([TABLES, decisionFields, joinerRules(config)])
