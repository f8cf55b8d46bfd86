/**
 * The embedded log on disk: a folder a topic, a folder a partition, append-only segment files named by their first
 * offset. A batch is one frame (length, crc32, bytes); it counts as stored once the whole frame is there, so a process
 * that dies half-way leaves a torn tail, which the next open cuts off: a batch is there whole or not at all.
 *
 * Frames are handed to the operating system at once: they outlive the process, not a power failure.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'
import { FeedloopError } from '../../errors.ts'
import type { Batch } from './partition.ts'

const FRAME_HEAD = 8
const SEGMENT_BYTES = 16 << 20

interface Segment {
  readonly file: string
  readonly baseOffset: number
  bytes: number
  /** Where each batch begins. */
  readonly frames: { readonly baseOffset: number; readonly position: number }[]
}

export interface Segments {
  readonly batches: Batch[]
  readonly earliest: number
  readonly latest: number
  append(batch: Batch): void
  truncateFront(earliest: number): void
  truncateTail(latest: number): void
  close(): void
}

/** Opens (or makes) the partition's folder and cuts off a torn tail.
 * @throws FeedloopError LOG_CORRUPT when a frame is damaged that others follow, in its segment or a later one */
export function openSegments(folder: string, segmentBytes = SEGMENT_BYTES): Segments {
  mkdirSync(folder, { recursive: true })
  const { segments, batches } = loadSegments(folder)
  const last = batches.at(-1)
  const bounds = loadBounds(folder)
  const latest = last ? last.baseOffset + last.records.length : bounds.latest
  return { batches, earliest: Math.min(bounds.earliest, latest), latest, ...writer(folder, segments, segmentBytes) }
}

function writer(folder: string, segments: Segment[], segmentBytes: number) {
  let fd: number | undefined
  const release = () => {
    if (fd !== undefined) closeSync(fd)
    fd = undefined
  }
  const current = (baseOffset: number): Segment => {
    const last = segments.at(-1)
    if (last && last.bytes < segmentBytes) return last
    release()
    const file = join(folder, `${String(baseOffset).padStart(20, '0')}.log`)
    segments.push({ file, baseOffset, bytes: 0, frames: [] })
    return segments.at(-1)!
  }
  return {
    append(batch: Batch) {
      const segment = current(batch.baseOffset)
      fd ??= openSync(segment.file, 'a')
      const frame = encodeFrame(batch)
      try {
        writeAll(fd, frame)
      } catch (cause) {
        release()
        cutFile(segment.file, segment.bytes)
        throw new FeedloopError('LOG_UNAVAILABLE', `${segment.file}: ${(cause as Error).message}`, { cause })
      }
      segment.frames.push({ baseOffset: batch.baseOffset, position: segment.bytes })
      segment.bytes += frame.length
    },
    truncateFront(earliest: number) {
      saveBounds(folder, { earliest, latest: earliest })
      while (segments.length > 1 && segments[1].baseOffset <= earliest) rmSync(segments.shift()!.file)
    },
    truncateTail(latest: number) {
      release()
      saveBounds(folder, { earliest: Math.min(loadBounds(folder).earliest, latest), latest })
      while (segments.length > 0 && segments.at(-1)!.baseOffset >= latest) rmSync(segments.pop()!.file)
      const segment = segments.at(-1)
      const cut = segment?.frames.findIndex(frame => frame.baseOffset >= latest) ?? -1
      if (cut < 0) return
      segment!.bytes = segment!.frames[cut].position
      segment!.frames.length = cut
      cutFile(segment!.file, segment!.bytes)
    },
    close: release,
  }
}

function loadSegments(folder: string): { segments: Segment[]; batches: Batch[] } {
  const files = readdirSync(folder)
    .filter(name => name.endsWith('.log'))
    .sort()
  const segments: Segment[] = []
  const batches: Batch[] = []
  for (const [i, name] of files.entries()) {
    const file = join(folder, name)
    const bytes = readFileSync(file)
    const segment: Segment = { file, baseOffset: Number.parseInt(name, 10), bytes: 0, frames: [] }
    for (let frame = decodeFrame(bytes, 0); frame; frame = decodeFrame(bytes, segment.bytes)) {
      segment.frames.push({ baseOffset: frame.batch.baseOffset, position: segment.bytes })
      segment.bytes += frame.length
      batches.push(frame.batch)
    }
    if (segment.bytes < bytes.length && (i < files.length - 1 || !isTorn(bytes, segment.bytes)))
      throw new FeedloopError('LOG_CORRUPT', `${file}: damaged at byte ${segment.bytes}, and more follows`)
    if (segment.bytes < bytes.length) cutFile(file, segment.bytes)
    segments.push(segment)
  }
  return { segments, batches }
}

function encodeFrame(batch: Batch): Buffer {
  const body = serialize(batch)
  const frame = Buffer.allocUnsafe(FRAME_HEAD + body.length)
  frame.writeUInt32BE(body.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  body.copy(frame, FRAME_HEAD)
  return frame
}

function decodeFrame(bytes: Buffer, position: number): { batch: Batch; length: number } | undefined {
  if (position + FRAME_HEAD > bytes.length) return undefined
  const length = bytes.readUInt32BE(position)
  const body = bytes.subarray(position + FRAME_HEAD, position + FRAME_HEAD + length)
  if (length === 0 || body.length < length || crc32(body) !== bytes.readUInt32BE(position + 4)) return undefined
  return { batch: deserialize(body) as Batch, length: FRAME_HEAD + length }
}

/** What V8's serializer begins every value with. */
const VALUE_HEAD = serialize(null).subarray(0, 2)

/** Whether the undecodable rest from `position` on is one frame that was not written to its end: a process that dies leaves
 * nothing behind it. Where the length itself is damaged, a whole frame further on tells. */
function isTorn(bytes: Buffer, position: number): boolean {
  if (position + FRAME_HEAD > bytes.length) return true
  if (position + FRAME_HEAD + bytes.readUInt32BE(position) < bytes.length) return false
  for (let at = position + FRAME_HEAD + 1; ; at++) {
    at = bytes.indexOf(VALUE_HEAD, at)
    if (at < 0) return true
    if (decodeFrame(bytes, at - FRAME_HEAD)) return false
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
}

function cutFile(file: string, bytes: number): void {
  const fd = openSync(file, 'r+')
  ftruncateSync(fd, bytes)
  closeSync(fd)
}

/** Ends that the frames alone can't tell: what retention removed, and where an emptied log goes on. */
interface Bounds {
  earliest: number
  latest: number
}

function loadBounds(folder: string): Bounds {
  try {
    return JSON.parse(readFileSync(join(folder, 'bounds.json'), 'utf8')) as Bounds
  } catch {
    return { earliest: 0, latest: 0 }
  }
}

const saveBounds = (folder: string, bounds: Bounds) =>
  writeFileSync(join(folder, 'bounds.json'), JSON.stringify(bounds))
