/**
 * What each of many posteriors says of one state φ: θᵀφ, the expected reward, and uᵀφ, how far φ lies along its axis
 * (src/learner/linear/axis.ts). Both vectors of an item stand together where the kernel reads them (dots/dots.ts), since a decision over a thousand items waits for
 * memory; u as float32, which is a bound's.
 */
import type { Posterior } from '../learner/linear/posterior.ts'
import { dotsWith, placesOf } from './dots/dots.ts'
import type { Found } from './places.ts'

/** Of each candidate that has a posterior; the others' are 0. */
export interface Products {
  readonly mean: Float64Array
  /** 0 where float32 does not reach as far: an axis that is not known says nothing. */
  readonly along: Float64Array
}

const NUMBERS = [Float64Array, Float32Array] as const

export function productsOf({ slots, known, posteriors, lines }: Found, phi: Float64Array): Products {
  const of = (i: number): Posterior => posteriors[slots[known[i]]]
  const size = sizeOf(phi)
  const [means, alongs] = dotsWith(
    phi.map(value => value / size),
    known.length,
    {
      vector: i => together(of(i)),
      lineOf: i => lines[slots[known[i]]],
      standsIn(i, line) {
        lines[slots[known[i]]] = line
        of(i).line = line
      },
    },
    NUMBERS,
  )
  const mean = new Float64Array(slots.length)
  const along = new Float64Array(slots.length)
  for (let i = 0; i < known.length; i++) {
    mean[known[i]] = size * means[i]
    if (Number.isFinite(alongs[i])) along[known[i]] = size * alongs[i]
  }
  return { mean, along }
}

/** Exponent of the largest power of two. */
const LARGEST = 1023

/** A power of two, about as large as the largest element: in units of it float32 reaches as far as float64 does, and nothing is rounded. */
const sizeOf = (phi: Float64Array): number =>
  2 **
  Math.min(
    LARGEST,
    Math.floor(Math.log2(phi.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE))),
  )

function together({ theta, axis }: Posterior): Uint8Array {
  const [, second, end] = placesOf(theta.length, NUMBERS)
  const bytes = new Uint8Array(end)
  new Float64Array(bytes.buffer, 0, theta.length).set(theta)
  new Float32Array(bytes.buffer, second, axis.length).set(axis)
  return bytes
}
