/**
 * Kafka's record batch, format 2, written and read here rather than by kafkajs, which sorts timestamps as text, hides where
 * batches end and makes a 64-bit object of every number. Offsets and times are safe integers.
 * (kafka.apache.org/documentation/#recordbatch)
 *
 *   base offset 8 | length 4 | leader epoch 4 | magic 1 | crc32c 4 | attributes 2 | last offset delta 4 |
 *   first timestamp 8 | max timestamp 8 | producer id 8 | producer epoch 2 | base sequence 4 | count 4 | records
 */
import { FeedloopError } from '../../errors.ts'
import type { LogRecord, NewRecord } from '../log.ts'
import { batchBytesAtMost, BATCH_HEAD_BYTES as HEAD_BYTES } from '../size.ts'
import { decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'

const LENGTH_AT = 8
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const MAGIC = 2
const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20

/** One uncompressed batch of all `records`, base offset 0, no producer id. Records without a timestamp get `nowMs`. */
export function encodeBatch(records: readonly NewRecord[], nowMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(batchBytesAtMost(records))
  return bytes.subarray(0, encodeBatchInto(bytes, 0, records, nowMs))
}

/** Writes the batch into `bytes`, which has room for it, from `start` on. @returns where it ends */
export function encodeBatchInto(bytes: Buffer, start: number, records: readonly NewRecord[], nowMs: number): number {
  const firstMs = Math.floor(records[0].timestampMs ?? nowMs)
  let maxMs = firstMs
  let at = start + HEAD_BYTES
  for (let i = 0; i < records.length; i++) {
    const timestampMs = Math.floor(records[i].timestampMs ?? nowMs)
    maxMs = Math.max(maxMs, timestampMs)
    at = writeRecord(bytes, at, records[i], timestampMs - firstMs, i)
  }
  const batch = bytes.subarray(start, at)
  batch.fill(0, 0, LENGTH_AT + 8)
  batch.writeInt32BE(batch.length - LENGTH_AT - 4, LENGTH_AT)
  batch.writeInt8(MAGIC, 16)
  batch.writeInt16BE(0, ATTRIBUTES_AT)
  batch.writeInt32BE(records.length - 1, 23)
  batch.writeBigInt64BE(BigInt(firstMs), 27)
  batch.writeBigInt64BE(BigInt(maxMs), 35)
  batch.writeBigInt64BE(-1n, 43)
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(records.length, 57)
  batch.writeUInt32BE(crc32c(bytes, start + ATTRIBUTES_AT, at), CRC_AT)
  return at
}

function writeRecord(
  bytes: Buffer,
  start: number,
  record: NewRecord,
  timestampDelta: number,
  offsetDelta: number,
): number {
  const names = record.headers ? Object.keys(record.headers) : []
  // The body is written behind the longest length that can stand before it, then moved up against the real one.
  const body = start + 5
  let at = body
  bytes[at++] = 0
  at = writeVarint(bytes, at, timestampDelta)
  at = writeVarint(bytes, at, offsetDelta)
  at = writeBytes(bytes, at, record.key)
  at = writeBytes(bytes, at, record.value)
  at = writeVarint(bytes, at, names.length)
  for (const name of names) {
    at = writeBytes(bytes, at, Buffer.from(name))
    at = writeBytes(bytes, at, record.headers![name])
  }
  const behindLength = writeVarint(bytes, start, at - body)
  bytes.copyWithin(behindLength, body, at)
  return behindLength + at - body
}

function writeBytes(bytes: Buffer, at: number, value: Buffer | null): number {
  if (value === null) return writeVarint(bytes, at, -1)
  const start = writeVarint(bytes, at, value.length)
  bytes.set(value, start)
  return start + value.length
}

/** Zigzag base-128. Numbers beyond 31 bits (time differences) go by arithmetic instead of bits. */
function writeVarint(bytes: Buffer, at: number, value: number): number {
  let zigzag = value >= 0 ? value * 2 : -value * 2 - 1
  while (zigzag > 0x7f) {
    bytes[at++] = (zigzag % 128) | 0x80
    zigzag = Math.floor(zigzag / 128)
  }
  bytes[at++] = zigzag
  return at
}

export interface DecodedBatches {
  readonly records: LogRecord[]
  /** Where the next fetch begins, control batches and compacted gaps included; the first offset asked for if none was whole. */
  readonly nextOffset: number
  /** Bytes that the next batch needs when not even one whole batch was there. */
  readonly bytesNeeded?: number
}

interface Aborted {
  readonly producerId: bigint
  readonly firstOffset: number
}

/** Records from `offset` on of all whole batches in `bytes`, without control records and aborted transactions.
 * @throws FeedloopError RECORD_UNREADABLE for an unknown codec, a damaged compressed batch or a message set from before
 * Kafka 0.11 */
export async function decodeBatches(
  bytes: Buffer,
  where: { readonly topic: string; readonly partition: number; readonly offset: number },
  aborted: readonly Aborted[] = [],
): Promise<DecodedBatches> {
  const records: LogRecord[] = []
  const skipped = abortedFilter(aborted)
  let nextOffset = where.offset
  let at = 0
  while (at + HEAD_BYTES <= bytes.length) {
    const wholeBytes = LENGTH_AT + 4 + bytes.readInt32BE(at + LENGTH_AT)
    const batch = bytes.subarray(at, at + wholeBytes)
    if (batch.length < wholeBytes) break
    if (batch[16] !== MAGIC) throw new FeedloopError('RECORD_UNREADABLE', `${where.topic}: message format ${batch[16]}`)
    const head = batchHead(batch)
    if (!skipped(head)) await decodeRecords(head, where, records)
    nextOffset = Math.max(nextOffset, head.baseOffset + head.lastOffsetDelta + 1)
    at += wholeBytes
  }
  if (at > 0 || bytes.length === 0) return { records, nextOffset }
  const known = bytes.length >= LENGTH_AT + 4
  return { records, nextOffset, bytesNeeded: known ? LENGTH_AT + 4 + bytes.readInt32BE(LENGTH_AT) : 1 << 20 }
}

type BatchHead = ReturnType<typeof batchHead>

const batchHead = (batch: Buffer) => ({
  baseOffset: Number(batch.readBigInt64BE(0)),
  attributes: batch.readInt16BE(ATTRIBUTES_AT),
  lastOffsetDelta: batch.readInt32BE(23),
  firstMs: Number(batch.readBigInt64BE(27)),
  maxMs: Number(batch.readBigInt64BE(35)),
  producerId: batch.readBigInt64BE(43),
  count: batch.readInt32BE(57),
  body: batch.subarray(HEAD_BYTES),
  /** What Kafka's checksum covers. */
  isWhole: () => crc32c(batch, ATTRIBUTES_AT) === batch.readUInt32BE(CRC_AT),
})

/** True for batches that a reader must not see: control batches, and those of transactions that were aborted. */
function abortedFilter(aborted: readonly Aborted[]): (head: BatchHead) => boolean {
  const ahead = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const open = new Set<bigint>()
  return ({ attributes, baseOffset, lastOffsetDelta, producerId }) => {
    while (ahead.length > 0 && ahead[0].firstOffset <= baseOffset + lastOffsetDelta) open.add(ahead.shift()!.producerId)
    if (attributes & CONTROL) {
      open.delete(producerId)
      return true
    }
    return (attributes & TRANSACTIONAL) !== 0 && open.has(producerId)
  }
}

async function decodeRecords(
  head: BatchHead,
  { topic, partition, offset: from }: { topic: string; partition: number; offset: number },
  into: LogRecord[],
): Promise<void> {
  const codec = head.attributes & CODEC_MASK
  // lz4 and snappy make something of damaged bytes too.
  if (codec !== 0 && !head.isWhole())
    throw new FeedloopError('RECORD_UNREADABLE', `${topic}/${partition}: the batch at ${head.baseOffset} is damaged`)
  const reader = new Reader(codec === 0 ? head.body : await decompress(codec, head.body, topic))
  for (let i = 0; i < head.count; i++) {
    const end = reader.varint() + reader.at
    reader.at++
    const createdMs = head.firstMs + reader.varint()
    const offset = head.baseOffset + reader.varint()
    if (offset >= from) {
      const timestampMs = head.attributes & LOG_APPEND_TIME ? head.maxMs : createdMs
      const key = reader.bytesOrNull()
      const value = reader.bytesOrNull()
      into.push({ topic, partition, offset, key, value, headers: reader.headers(), timestampMs })
    }
    reader.at = end
  }
}

const NO_HEADERS: Readonly<Record<string, Buffer>> = Object.freeze({})

class Reader {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  varint(): number {
    let zigzag = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes[this.at++]
      zigzag += (byte & 0x7f) * scale
      if (!(byte & 0x80)) break
      scale *= 128
    }
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  }

  bytesOrNull(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  headers(): Readonly<Record<string, Buffer>> {
    const count = this.varint()
    if (count === 0) return NO_HEADERS
    const headers: Record<string, Buffer> = {}
    for (let i = 0; i < count; i++) {
      const name = this.bytesOrNull()!.toString()
      headers[name] = this.bytesOrNull() ?? Buffer.alloc(0)
    }
    return headers
  }
}
