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
 * @returns the gradient's norm before clipping; null when it was not finite and nothing was changed */
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
  const t = ++state.steps
  const rate = (options.learningRate * Math.sqrt(1 - BETA2 ** t)) / (1 - BETA1 ** t)
  for (const name of names) {
    const [w, g, m, v] = [weights[name], gradients[name], state.first[name], state.second[name]]
    const unit = units[name] ?? 1
    for (let i = 0; i < w.length; i++) {
      const gradient = clip * unit * g[i]
      m[i] = BETA1 * m[i] + (1 - BETA1) * gradient
      v[i] = BETA2 * v[i] + (1 - BETA2) * gradient * gradient
      w[i] -= (unit * rate * m[i]) / (Math.sqrt(v[i]) + EPSILON)
    }
  }
  return norm
}

function squares(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i]
  return sum
}
