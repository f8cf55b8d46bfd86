import { FeedloopError } from '../../src/errors.ts'
import type { Wire } from '../../src/log/wire/wire.ts'

/** A wire that knows no schema before it has asked for it, value by value. */
export function ignorantWire(wire: Wire): Wire {
  const learned = new Set<string>()
  return {
    ...wire,
    decode(topic, bytes) {
      if (!learned.has(bytes.toString('hex'))) throw new FeedloopError('WIRE_SCHEMA_UNKNOWN', 'schema id 7')
      return wire.decode(topic, bytes)
    },
    learn: async bytes => learned.add(bytes.toString('hex')).size > 0,
  }
}
