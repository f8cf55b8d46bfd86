/**
 * The wire: records as bytes. Written as Confluent framing (0x00, 4-byte big-endian schema id, Avro) when a registry is
 * configured, else as Avro single-object encoding (0xC3 0x01, 8-byte little-endian fingerprint, Avro); both are read
 * always. Older writers' schemas are resolved to the current type. Made by `createWire` (create.ts).
 */
import type { TopicName } from '../../pipeline.ts'

/** The fields that are wanted of a topic's records. */
export type Wanted = Partial<Readonly<Record<TopicName, readonly string[]>>>

export interface Wire {
  /** Fields that have a default may be left out.
   * @throws FeedloopError RECORD_INVALID, WIRE_UNSAFE_NUMBER */
  encode(topic: TopicName, value: unknown): Buffer
  /** Decodes into the topic's current record type, resolving older writers' schemas.
   * @throws FeedloopError WIRE_UNKNOWN_FRAMING, WIRE_SCHEMA_UNKNOWN, WIRE_DECODE_FAILED, WIRE_UNSAFE_NUMBER */
  decode(topic: TopicName, bytes: Buffer): unknown
  /** Fetches a schema that `decode` did not know (a registry id); true when a second `decode` is worth a try.
   * @throws FeedloopError REGISTRY_UNAVAILABLE */
  learn(bytes: Buffer): Promise<boolean>
  /** The same wire for a stage that needs little of its records: `decode` leaves out the fields that are not wanted, and
   * gives values of the records `passed`, alone or in lists, as their bytes, which `encode` takes (passing.ts). All that
   * is left out is checked all the same. A wire that lacks this is used as it is. */
  narrowed?(wanted: Wanted, passed: readonly string[]): Wire
}
