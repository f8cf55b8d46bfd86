/** Lists by the thousand, all at a time: a decision names as many candidates, with a probability each. */
import { isAscii } from 'node:buffer'
import type { Tap } from './types.ts'

const DOUBLE_BYTES = 8
/** Numbers on their way: between bytes, which begin anywhere, and a list. */
let doubles = new Float64Array(1024)
let bytesOfDoubles = Buffer.from(doubles.buffer)

function makeRoom(count: number): void {
  if (count <= doubles.length) return
  doubles = new Float64Array(2 * count)
  bytesOfDoubles = Buffer.from(doubles.buffer)
}

/** @returns false where there is no room, or one of them is not finite: nothing is written */
export function wroteDoubles(tap: Tap, values: readonly number[]): boolean {
  const bytes = DOUBLE_BYTES * values.length
  if (tap.pos + bytes > tap.buf.length) return false
  makeRoom(values.length)
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) return false
    doubles[i] = values[i]
  }
  bytesOfDoubles.copy(tap.buf, tap.pos, 0, bytes)
  tap.pos += bytes
  return true
}

/** @returns undefined where bytes are missing, or one of them is not finite: nothing is read */
export function readDoubles(tap: Tap, count: number): number[] | undefined {
  const end = tap.pos + DOUBLE_BYTES * count
  if (end > tap.buf.length) return undefined
  makeRoom(count)
  tap.buf.copy(bytesOfDoubles, 0, tap.pos, end)
  for (let i = 0; i < count; i++) if (!Number.isFinite(doubles[i])) return undefined
  tap.pos = end
  return listOf(doubles, count)
}

/** A list without holes, of which copies have none either: who reads a number of one with holes makes an object of it. */
const blank: number[] = []

/** The first numbers. `Array.from` asks an iterator for each: 30 times as long. */
export function listOf(values: Float64Array, count = values.length): number[] {
  while (blank.length < count) blank.push(Number.MIN_VALUE)
  const list = blank.slice(0, count)
  for (let i = 0; i < count; i++) list[i] = values[i]
  return list
}

/** V8 makes a text of its own of a piece so long at most; a longer one would keep what it is a piece of. */
const COPIED = 12

/** Texts are pieces of one: to ask for each by itself takes longer than all that is done with it.
 * @returns undefined where one is longer than that or not ASCII, or bytes are missing: nothing is read */
export function readTexts(tap: Tap, count: number): string[] | undefined {
  const { buf, pos } = tap
  let end = pos
  for (let i = 0; i < count; i++) {
    const twice = buf[end]
    if (!(twice <= 2 * COPIED && twice % 2 === 0)) return undefined
    end += 1 + twice / 2
  }
  if (end > buf.length || !isAscii(buf.subarray(pos, end))) return undefined
  const all = buf.toString('latin1', pos, end)
  const texts = new Array<string>(count)
  for (let i = 0, at = 0; i < count; i++) {
    const from = at + 1
    at = from + all.charCodeAt(at) / 2
    texts[i] = all.substring(from, at)
  }
  tap.pos = end
  return texts
}
