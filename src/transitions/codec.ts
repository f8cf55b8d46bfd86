/**
 * The joiner's tables on disk. A join's decision never changes and is kept apart from what does; rows of keys that come in
 * no order are small, so that many of them share a page.
 */
import type { Config } from '../config.ts'
import { jsonCodec } from '../state/codec.ts'
import type { Codec } from '../state/table.ts'
import type { Join } from './join.ts'
import { joinParts, layoutPrint, layouts } from './layout.ts'
import { joinerRules } from './rules-print.ts'
import type { JoinerRows } from './state.ts'

/** Raised when tables change their meaning without changing their shape. */
const TABLES = 5

const { decision, course } = joinParts

const joinCodec: Codec<Join> = {
  scattered: true,
  filtered: true,
  fixed: {
    of: join => join.decision,
    encode: join => decision.encode(join.decision),
    decode: decision.decode,
  },
  encode: course.encode,
  decode: (bytes, of) => ({ decision: of as Join['decision'], ...course.decode(bytes) }),
}

export const joinerCodecs: { readonly [K in keyof JoinerRows]: Codec<JoinerRows[K]> } = {
  ...layouts,
  joins: joinCodec,
  touches: { ...layouts.touches, filtered: true },
  seen: { ...layouts.seen, scattered: true, filtered: true },
  buckets: jsonCodec(),
  clock: jsonCodec(),
}

/** All that the tables' content depends on besides the inputs: under other rules they must be built anew. */
export const joinerVersion = (config: Config): string => JSON.stringify([TABLES, layoutPrint, joinerRules(config)])
