/**
 * Produce requests, laid out once in a buffer that is used again for the next: a batch is written where it is sent from,
 * with room left for the head of the request. kafkajs's encoder would copy it four times and leave as much garbage, which
 * makes the collector look through the whole heap.
 */
import type { NewRecord } from '../log.ts'
import { batchBytesAtMost } from '../size.ts'
import { encodeBatchInto } from './batch.ts'

/** The batches of one partition each. */
export interface ProduceBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly NewRecord[]
}

/** As repairs.ts takes a request's body. */
export interface ProduceBody {
  readonly buffer: Buffer
  withHead(head: Buffer): Buffer | undefined
}

export interface ProduceEncoder {
  /** Produce, version 7: the oldest that Kafka 4 takes and the newest that kafkajs can read the answer of. Valid until the
   * next call, so the answer to it must have come before. */
  encode(batches: readonly ProduceBatch[], timeoutMs: number): ProduceBody
  /** The buffer may still be waiting to be sent: it is not used again. */
  abandon(): void
}

/** For the head: key, version, correlation id, client id. */
const ROOM = 1024
const ACKS_ALL = -1

export function createProduceEncoder(): ProduceEncoder {
  let frame = Buffer.alloc(0)
  return {
    encode(batches, timeoutMs) {
      const bytes = batches.reduce(
        (sum, each) => sum + 200 + 3 * each.topic.length + batchBytesAtMost(each.records),
        ROOM,
      )
      if (frame.length < bytes) frame = Buffer.allocUnsafeSlow(bytes)
      const end = writeRequest(frame, batches, timeoutMs)
      const all = frame
      return {
        buffer: all.subarray(ROOM, end),
        withHead(head) {
          if (head.length > ROOM) return undefined
          head.copy(all, ROOM - head.length)
          return all.subarray(ROOM - head.length, end)
        },
      }
    },
    abandon() {
      frame = Buffer.alloc(0)
    },
  }
}

function writeRequest(frame: Buffer, batches: readonly ProduceBatch[], timeoutMs: number): number {
  const nowMs = Date.now()
  const byTopic = Map.groupBy(batches, ({ topic }) => topic)
  let at = frame.writeInt16BE(-1, ROOM) // no transactional id
  at = frame.writeInt16BE(ACKS_ALL, at)
  at = frame.writeInt32BE(timeoutMs, at)
  at = frame.writeInt32BE(byTopic.size, at)
  for (const [topic, ofTopic] of byTopic) {
    at = frame.writeInt16BE(Buffer.byteLength(topic), at)
    at += frame.write(topic, at)
    at = frame.writeInt32BE(ofTopic.length, at)
    for (const { partition, records } of ofTopic) {
      at = frame.writeInt32BE(partition, at)
      const end = encodeBatchInto(frame, at + 4, records, nowMs)
      frame.writeInt32BE(end - at - 4, at)
      at = end
    }
  }
  return at
}
