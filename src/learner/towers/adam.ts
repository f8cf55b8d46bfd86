/**
 * Adam (Kingma & Ba 2015, algorithm 1) on plain arrays, with clipping by the global norm. Its moments are ordinary
 * checkpoint tensors, and an update that is not finite is refused before a weight is touched.
 */
import { isFiniteArray } from '../tensors.ts'
import type { Parameters } from './parameters.ts'

/** One flat array a parameter, the same names in weights, gradients and moments. */
export type Arrays = Readonly<Record<string, Float32Array>>

export interface AdamState<A extends Arrays = Parameters> {
  readonly first: A
  readonly second: A
  /** Updates made. */
  steps: number
}

const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8

export interface AdamOptions {
  readonly learningRate: number
  readonly maxGradientNorm: number
}

/** Updates the weights in place.
 * @param units of parameters w in which they are learned: the step is one of w/unit, so a head is learned as if what it is to say
 * were of size 1, and a unit that changes moves no weight ("preserving outputs", van Hasselt et al. 2016). Default 1
 * @returns the gradient's norm before clipping; null when it or a weight would not be finite, and nothing was changed */
export function adamStep<A extends Arrays>(
  weights: A,
  gradients: A,
  state: AdamState<A>,
  options: AdamOptions,
  units: Readonly<Record<string, number>> = {},
): number | null {
  const names = Object.keys(weights)
  if (!names.every(name => isFiniteArray(gradients[name]))) return null
  const norm = Math.sqrt(names.reduce((sum, name) => sum + (units[name] ?? 1) ** 2 * squares(gradients[name]), 0))
  if (!Number.isFinite(norm)) return null
  const clip = Math.min(1, options.maxGradientNorm / (norm + 1e-12))
  const t = state.steps + 1
  const rate = (options.learningRate * Math.sqrt(1 - BETA2 ** t)) / (1 - BETA1 ** t)
  const moved = names.map(name => move(name, clip * (units[name] ?? 1), rate * (units[name] ?? 1)))
  // a rate or a unit beyond all measure takes a weight beyond float32
  if (!moved.every(({ w }) => isFiniteArray(w))) return null
  state.steps = t
  for (const [index, { w, m, v }] of moved.entries()) {
    weights[names[index]].set(w)
    state.first[names[index]].set(m)
    state.second[names[index]].set(v)
  }
  return norm

  function move(name: string, scale: number, step: number) {
    const [w, m, v] = [weights[name].slice(), state.first[name].slice(), state.second[name].slice()]
    const g = gradients[name]
    for (let i = 0; i < w.length; i++) {
      const gradient = scale * g[i]
      m[i] = BETA1 * m[i] + (1 - BETA1) * gradient
      v[i] = BETA2 * v[i] + (1 - BETA2) * gradient * gradient
      w[i] -= (step * m[i]) / (Math.sqrt(v[i]) + EPSILON)
    }
    return { w, m, v }
  }
}

function squares(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i]
  return sum
}
