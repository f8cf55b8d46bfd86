/** Records to inputs and outputs to records, and what cannot be converted to the dead letters. */
import type { Logger } from 'pino'
import { errorTable, FeedloopError, isCode } from '../../errors.ts'
import type { Topic, TopicName } from '../../pipeline.ts'
import { topicName, topics } from '../../pipeline.ts'
import type { Input, Output, Refusal } from '../../stage.ts'
import type { Refused } from '../deadletters.ts'
import { deadLetter } from '../deadletters.ts'
import type { LogRecord, NewRecord } from '../log.ts'
import { assertPartition } from '../partition.ts'
import { inBatches } from '../size.ts'
import type { Wire } from '../wire/wire.ts'
import type { ChainIo } from './rim.ts'
import { retrying } from './rim.ts'
import type { TaskInput } from './task.ts'

export interface Undecodable {
  readonly record: LogRecord
  readonly error: FeedloopError
}

export interface Decoded {
  readonly inputs: Input[]
  readonly undecodable: Undecodable[]
}

const isRecordFault = (error: unknown): error is FeedloopError =>
  error instanceof FeedloopError && errorTable[error.code].scope === 'record'

/** A compacted topic's deletion reaches the stage as a null value; elsewhere a record must have one. */
function value(wire: Wire, { topic }: TaskInput, record: LogRecord): unknown {
  if (record.value !== null) return wire.decode(topic, record.value)
  if (topics[topic].cleanup === 'compact') return null
  throw new FeedloopError('RECORD_INVALID', 'the record has no value')
}

/** Where records were taken. */
export interface Taken extends TaskInput {
  /** Partition count of the topic: a record whose key belongs into another partition is refused. Unchecked when absent,
   * as in recovery, where the step's header says what was refused. */
  readonly partitions?: number
}

/** A chained topic's only writer is its stage, which keeps to its partition. */
const checked = ({ partitions: kind, chained }: Topic): boolean => kind === 'users' && !chained

/** The field of the record decides, not the Kafka key, which producers choose; a deletion has nothing but its key. */
const keyOf = (topic: TopicName, key: string | null, value: unknown): string =>
  String(value === null ? key : (value as Record<string, unknown>)[topics[topic].key])

/** Decodes what was taken of one input; a schema that is not known is asked for once. @throws what is not the record's fault */
export async function decode(io: ChainIo, wire: Wire, from: Taken, records: readonly LogRecord[]): Promise<Decoded> {
  const { topic, partition, partitions } = from
  const inputs: Input[] = []
  const undecodable: Undecodable[] = []
  const add = (record: LogRecord): void => {
    const { offset, timestampMs, headers } = record
    const key = record.key === null ? null : record.key.toString()
    const decoded = value(wire, from, record)
    if (partitions !== undefined && checked(topics[topic]))
      assertPartition(keyOf(topic, key, decoded), partition, partitions)
    inputs.push({ topic, partition, offset, key, value: decoded, timestampMs, headers })
  }
  for (const record of records) {
    try {
      add(record)
    } catch (first) {
      const error = await again(io, wire, record, () => add(record), first).then(() => null, faultOf)
      if (error !== null) undecodable.push({ record, error })
    }
  }
  return { inputs, undecodable }
}

/** `decode` once more, if its first error says that there is a schema to be learned. @throws what is left of it */
async function again<T>(io: ChainIo, wire: Wire, record: LogRecord, decode: () => T, first: unknown): Promise<T> {
  if (!isCode(first, 'WIRE_SCHEMA_UNKNOWN') || !(await retrying(io, () => wire.learn(record.value!)))) throw first
  return decode()
}

/** @throws the error when it is not the record's fault */
function faultOf(error: unknown): FeedloopError {
  if (isRecordFault(error)) return error
  throw error
}

/** A record's value, for readers that bury nothing; a schema that is not known is asked for once. What does not decode is
 * null and logged where there is a logger: its writer already answers for it, and one bad record must not blind every
 * instance. @throws what is not the record's fault */
export async function decodeOrPass<T>(
  io: ChainIo,
  { wire, logger }: { readonly wire: Wire; readonly logger?: Pick<Logger, 'error'> },
  topic: TopicName,
  record: LogRecord,
): Promise<T | null> {
  if (record.value === null) return null
  const decode = (): T => wire.decode(topic, record.value!) as T
  try {
    return decode()
  } catch (first) {
    return again(io, wire, record, decode, first).catch(error => {
      const fault = faultOf(error)
      const at = { topic: record.topic, partition: record.partition, offset: record.offset }
      logger?.error({ ...at, error: String(fault) }, 'record passed over')
      return null
    })
  }
}

/** @throws FeedloopError RECORD_INVALID, WIRE_UNSAFE_NUMBER: a fault of the stage */
export const encode = (wire: Wire, to: TaskInput, outputs: readonly Output[], timestampMs: number): NewRecord[] =>
  outputs.map(({ key, value }) => ({
    key: key === null ? null : Buffer.from(key),
    value: wire.encode(to.topic, value),
    timestampMs,
  }))

/** Pairs the stage's refusals with the records as they came. An input of an earlier step, which a stage kept until it
 * could judge it, is no longer at hand as bytes: it is encoded again. */
export function refusedRecords(
  { stage, prefix, wire }: { stage: string; prefix: string; wire: Wire },
  records: readonly LogRecord[],
  refusals: readonly Refusal[],
): Refused[] {
  if (refusals.length === 0) return []
  const name = (topic: string, partition: number, offset: number): string => `${topic}/${partition}/${offset}`
  const byName = new Map(records.map(record => [name(record.topic, record.partition, record.offset), record]))
  return refusals.map(({ input, code, detail }) => {
    const topic = topicName(prefix, input.topic)
    const origin = byName.get(name(topic, input.partition, input.offset)) ?? {
      ...input,
      topic,
      key: input.key === null ? null : Buffer.from(input.key),
      value: input.value === null ? null : wire.encode(input.topic, input.value),
    }
    return { origin, stage, code, detail }
  })
}

/** Appends dead letters in batches that fit; on return they are acknowledged. */
export async function bury(io: ChainIo, prefix: string, refused: readonly Refused[]): Promise<void> {
  const room = 0.9 * topics['dead-letters'].maxBatchBytes
  for (const batch of inBatches(refused.map(deadLetter), room))
    await retrying(io, () => io.log.append(topicName(prefix, 'dead-letters'), 0, batch))
}
