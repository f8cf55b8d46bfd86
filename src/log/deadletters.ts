/**
 * Dead letters: records that were refused, as they came (key, value, headers, time), with why. The headers are those of
 * Kafka Connect (`__connect.errors.*`), so that its tools read them, and an id made of the origin, by which readers
 * and the audit deduplicate: a step that was redone appends its dead letters again. Headers of the record that have the
 * same names are set aside. A dead letter has the log's time of
 * its burial, for an old record's own time would let retention take it at once; the origin's time is in a header.
 * What is too large even for this topic (it came from somebody else's) is left out, the value first, and its size is
 * kept: the origin still says where it stands.
 */
import type { ErrorCode } from '../errors.ts'
import { topics } from '../pipeline.ts'
import type { Headers, LogRecord, NewRecord } from './log.ts'
import { recordBytesAtMost } from './size.ts'

export const DEAD_LETTER_ID = 'fl-dead-letter'
const errors = '__connect.errors.'
/** Header: time of the record that was refused, ms since the epoch. */
const ORIGIN_TIME = `${errors}timestamp`
/** Header: bytes of what was left out. */
const LEFT_OUT = 'fl-dead-letter-left-out'
/** Before the name of a header of the record's own that would pass for one of the letter: a source may be another's dead letters. */
const ASIDE = 'fl-origin.'
/** Characters of a message, which may quote what it refuses. */
const MOST_DETAIL = 10_000
const mostBytes = 0.9 * topics['dead-letters'].maxBatchBytes

export interface DeadLetter {
  /** `topic/partition/offset` of the origin: the same for every copy. */
  readonly id: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly stage: string
  readonly code: ErrorCode
  readonly message: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** As they came. */
  readonly headers: Headers
  /** Of the origin. */
  readonly timestampMs: number
  /** Bytes of what was too large to be kept: of the value, and of headers and key where that was not enough; else null. */
  readonly leftOutBytes: number | null
}

export interface Refused {
  readonly origin: LogRecord
  readonly stage: string
  readonly code: ErrorCode
  readonly detail: string
}

/** The record to append to the dead-letter topic. */
export function deadLetter({ origin, stage, code, detail }: Refused): NewRecord {
  const named: Record<string, string> = {
    [DEAD_LETTER_ID]: `${origin.topic}/${origin.partition}/${origin.offset}`,
    [`${errors}topic`]: origin.topic,
    [`${errors}partition`]: String(origin.partition),
    [`${errors}offset`]: String(origin.offset),
    [ORIGIN_TIME]: String(origin.timestampMs),
    [`${errors}stage`]: stage,
    [`${errors}class.name`]: `feedloop.${stage}`,
    [`${errors}exception.class.name`]: code,
    [`${errors}exception.message`]: detail.slice(0, MOST_DETAIL),
  }
  const why: Record<string, Buffer> = Object.fromEntries(
    Object.entries(named).map(([name, text]) => [name, Buffer.from(text)]),
  )
  const room = mostBytes - recordBytesAtMost({ key: null, value: null, headers: why })
  const own = { ...origin, headers: setAside(origin.headers) }
  const kept = lessAndLess(own).find(part => recordBytesAtMost(part) <= room)!
  const leftOut = recordBytesAtMost(own) - recordBytesAtMost(kept)
  if (leftOut > 0) why[LEFT_OUT] = Buffer.from(String(leftOut))
  return { ...kept, headers: { ...kept.headers, ...why } }
}

const ofLetter = (name: string): boolean => name === DEAD_LETTER_ID || name === LEFT_OUT || name.startsWith(errors)

const setAside = (headers: Headers): Headers =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      ofLetter(name) || name.startsWith(ASIDE) ? ASIDE + name : name,
      value,
    ]),
  )

const broughtBack = (headers: Headers): Headers =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !ofLetter(name))
      .map(([name, value]) => [name.startsWith(ASIDE) ? name.slice(ASIDE.length) : name, value]),
  )

const lessAndLess = ({ key, value, headers }: LogRecord) => [
  { key, value, headers },
  { key, value: null, headers },
  { key, value: null, headers: {} },
  { key: null, value: null, headers: {} },
]

/** Reads a record of the dead-letter topic; null when it is none of ours. */
export function parseDeadLetter(record: LogRecord): DeadLetter | null {
  const text = (name: string): string => record.headers[name]?.toString() ?? ''
  const id = text(DEAD_LETTER_ID)
  if (id === '') return null
  return {
    id,
    topic: text(`${errors}topic`),
    partition: Number(text(`${errors}partition`)),
    offset: Number(text(`${errors}offset`)),
    stage: text(`${errors}stage`),
    code: text(`${errors}exception.class.name`) as ErrorCode,
    message: text(`${errors}exception.message`),
    key: record.key,
    value: record.value,
    headers: broughtBack(record.headers),
    timestampMs: Number(text(ORIGIN_TIME)),
    leftOutBytes: record.headers[LEFT_OUT] === undefined ? null : Number(text(LEFT_OUT)),
  }
}

/** The record that puts a dead letter back where it came from. */
export const redriven = ({ key, value, headers, timestampMs }: DeadLetter): NewRecord => ({
  key,
  value,
  headers,
  timestampMs,
})
