/** Hostile bytes and values, the same for the same seed. */
export type Random = () => number

/** mulberry32: [0, 1). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const below = (random: Random, count: number): number => Math.floor(random() * count)
export const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)]

/** Names that objects have without being given them, and texts at the rim of what programs expect. */
export const strangeTexts: readonly string[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '__defineGetter__',
  '',
  ' ',
  '\0',
  '\ud800',
  '\u202e',
  '$forget',
  '../../etc/passwd',
  '%s%n%x',
  "'; drop table users; --",
  '{{7*7}}',
  'NaN',
  '1e999',
  'x'.repeat(1025),
  '\u{1f600}'.repeat(300),
]
const strangeNumbers: readonly number[] = [0, -0, -1, 0.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, Number.MIN_VALUE]

export function strangeValue(random: Random, depth = 3): unknown {
  const kind = below(random, depth > 0 ? 7 : 5)
  if (kind === 0) return pick(random, strangeTexts)
  if (kind === 1) return pick(random, strangeNumbers)
  if (kind === 2) return random() < 0.5
  if (kind === 3) return null
  if (kind === 4) return String(random())
  const values = Array.from({ length: below(random, 4) }, () => strangeValue(random, depth - 1))
  if (kind === 5) return values
  // As JSON.parse makes it: `__proto__` is a name like any other.
  return JSON.parse(
    `{${values.map(each => `${JSON.stringify(pick(random, strangeTexts))}:${JSON.stringify(each)}`).join()}}`,
  )
}

/** The record with some fields replaced, left out or added. */
export function strangeFields<T extends object>(random: Random, record: T): Record<string, unknown> {
  const changed = Object.entries(record).flatMap(([name, value]) => {
    const way = random()
    if (way < 0.1) return []
    return [[name, way < 0.35 ? strangeValue(random) : value]]
  })
  if (random() < 0.2) changed.push([pick(random, strangeTexts), strangeValue(random)])
  return Object.fromEntries(changed)
}

/** Bytes that were cut, turned, doubled, or never meant anything. */
export function strangeBytes(random: Random, bytes: Buffer): Buffer {
  const at = below(random, bytes.length + 1)
  const way = below(random, 5)
  if (way === 0) return bytes.subarray(0, at)
  if (way === 1) return Buffer.concat([bytes, bytes.subarray(at)])
  if (way === 2) return Buffer.from(Array.from({ length: below(random, 64) }, () => below(random, 256)))
  const turned = Buffer.from(bytes)
  for (let n = 0; n <= below(random, 4) && turned.length > 0; n++)
    turned[below(random, turned.length)] = below(random, 256)
  return way === 3
    ? turned
    : Buffer.concat([turned.subarray(0, at), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), turned.subarray(at)])
}
