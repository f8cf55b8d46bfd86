/** xᵀv of many v for one x. Vectors stay in the kernel's memory (src/wasm/ring.ts), since reading them is what takes time. */
import { createRing } from '../../wasm/ring.ts'
import { createKernel, TURN_BYTES } from './kernel.ts'

/** Of 130,000 vectors of 64 float32; where those do, no more are kept. */
export const RING_BYTES = 2 ** 25
/** Of a million. */
const MOST_BYTES = 2 ** 28
/** So many are added up at a time, fewer where they would take up the ring. */
const AT_ONCE = 512
const WORD_BYTES = 4
const kernel = createKernel()
const ring = createRing(kernel.memory, RING_BYTES, MOST_BYTES)

/** Vectors, as long as x, and their lines in the ring, by number. A line may hold several, each of which begins at a place of `placesOf`. */
export interface Stood {
  vector(i: number): ArrayBufferView
  lineOf(i: number): number
  /** It stands in another line from now on. */
  standsIn(i: number, line: number): void
}

/** What lines hold in this order: numbers of 4 or 8 bytes. */
export type Numbers = Float32ArrayConstructor | Float64ArrayConstructor

/** Where each of the vectors in a line begins, in bytes, and after them where the line ends. */
export function placesOf(length: number, numbers: readonly Numbers[]): number[] {
  const places = [0]
  for (const { BYTES_PER_ELEMENT: bytes } of numbers)
    places.push(places.at(-1)! + TURN_BYTES * Math.ceil((bytes * length) / TURN_BYTES))
  return places
}

/** @returns xᵀv of the first `count`, by each of the vectors in their lines; not finite where the numbers do not reach as far */
export function dotsWith(
  x: Float64Array,
  count: number,
  stood: Stood,
  numbers: readonly Numbers[] = [Float32Array],
): (Float32Array | Float64Array)[] {
  const places = placesOf(x.length, numbers)
  const list = places.at(-1)!
  const out = list + WORD_BYTES * AT_ONCE
  const memory = ring.hold(out + Float64Array.BYTES_PER_ELEMENT * AT_ONCE, list)
  const buffer = memory.buffer as ArrayBuffer
  memory.fill(0, 0, list)
  for (const [n, Numbers] of numbers.entries()) new Numbers(buffer, places[n], x.length).set(x)
  const all = numbers.map(Numbers => new Numbers(count))
  const atOnce = Math.max(1, Math.min(AT_ONCE, Math.floor(RING_BYTES / (2 * list))))
  const addresses = new Int32Array(buffer, list, AT_ONCE)
  for (let from = 0; from < count; from += atOnce) {
    const size = Math.min(atOnce, count - from)
    find(stood, from, addresses.subarray(0, size))
    const listEnd = list + WORD_BYTES * size
    kernel.touch(list, list, listEnd)
    for (const [n, Numbers] of numbers.entries()) {
      const dots = Numbers === Float64Array ? kernel.dots64 : kernel.dots32
      dots(places[n], places[n + 1], list, listEnd, out)
      all[n].set(new Numbers(buffer, out, size), from)
    }
  }
  return all
}

/** Addresses of the lines from number `from` on. Who is put may be written over one that was there, so all are looked at again. */
function find(stood: Stood, from: number, addresses: Int32Array): void {
  for (let isMissing = true; isMissing; ) {
    isMissing = false
    for (let i = 0; i < addresses.length; i++) {
      addresses[i] = ring.addressOf(stood.lineOf(from + i))
      if (addresses[i] >= 0) continue
      stood.standsIn(from + i, ring.put(bytesOf(stood.vector(from + i))))
      isMissing = true
    }
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)

/** Of a sum of products of so many float32, what rounding may say at most, as part of the two vectors' lengths: each product goes through its own rounding
 * and its factors', and through those of a sum of a 16th of them, of the four sums and of their lanes (Higham 2002, "Accuracy and stability of numerical
 * algorithms", 3.1). */
export const roundingOfDots = (length: number): number => (Math.ceil(length / 16) + 8) * 2 ** -24
