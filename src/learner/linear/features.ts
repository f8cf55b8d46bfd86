/**
 * The feature map φ of the linear-Gaussian learner. Numbers of the context (the state's `numbers` block) come in any unit;
 * each is standardised, z = (x - mean) / sd, kept within ±CLIP, and joined by random Fourier features of z,
 * √(2/D) cos(wᵀz + u) with w ~ N(0, (bandwidth² / p) I) and u uniform (Rahimi & Recht 2007, "Random features for
 * large-scale kernel machines"): ridge regression on them approaches kernel regression with a Gaussian kernel. The factor
 * 1/√p makes the kernel as wide as the usual distance of two points, whatever the number of columns p. The block itself
 * is scaled by 1/√p too, so that it and the Fourier part have length about 1, like the bias. Other blocks pass as they are.
 * The map of a model version stands in its checkpoint: ranker and learner apply the same one (warm-up.ts says how it is
 * found without looking ahead).
 */
import { createRandom, seedOf } from '../../state/random.ts'

/** Standardised numbers are kept within this many standard deviations. */
const CLIP = 4

/** Where the numbers stand in the encoded state. */
export interface NumberRange {
  readonly from: number
  readonly count: number
}

export interface FeatureOptions {
  readonly stateDimensions: number
  readonly numbers: NumberRange
  /** Random Fourier features D; none are made for a state without numbers. */
  readonly fourier: number
  readonly bandwidth: number
  readonly seed: number
}

export interface Standardisation {
  readonly mean: Float64Array
  /** 1/sd; 0 for a column that never varied. */
  readonly inverse: Float64Array
}

export interface FeatureMap {
  readonly options: FeatureOptions
  /** Length of φ. */
  readonly dimensions: number
  readonly standardisation: Standardisation
  /** φ of an encoded state; the state itself where it has no numbers. */
  apply(state: Float64Array): Float64Array
}

export const featureDimensions = ({ stateDimensions, numbers, fourier }: FeatureOptions): number =>
  stateDimensions + (numbers.count > 0 ? fourier : 0)

/** Nothing known yet: every number counts as its mean. */
export const unknownScale = ({ numbers }: FeatureOptions): Standardisation => ({
  mean: new Float64Array(numbers.count),
  inverse: new Float64Array(numbers.count),
})

/** Mean and spread of the numbers of some states. */
export function standardisationOf(states: readonly Float64Array[], { from, count }: NumberRange): Standardisation {
  const mean = new Float64Array(count)
  const inverse = new Float64Array(count)
  for (const state of states) for (let j = 0; j < count; j++) mean[j] += state[from + j] / states.length
  for (const state of states)
    for (let j = 0; j < count; j++) inverse[j] += (state[from + j] - mean[j]) ** 2 / states.length
  for (let j = 0; j < count; j++) inverse[j] = inverse[j] > 1e-24 * mean[j] ** 2 ? 1 / Math.sqrt(inverse[j]) : 0
  return { mean, inverse }
}

export function createFeatureMap(options: FeatureOptions, standardisation: Standardisation): FeatureMap {
  const { stateDimensions, numbers } = options
  const dimensions = featureDimensions(options)
  if (numbers.count === 0) return { options, dimensions, standardisation, apply: state => state }
  const basis = fourierBasis(options)
  const active = standardisation.inverse.reduce((sum, inverse) => sum + (inverse > 0 ? 1 : 0), 0)
  const root = 1 / Math.sqrt(Math.max(1, active))
  return {
    options,
    dimensions,
    standardisation,
    apply(state) {
      const phi = new Float64Array(dimensions)
      phi.set(state)
      const z = phi.subarray(numbers.from, numbers.from + numbers.count)
      standardise(z, standardisation, root)
      writeFourier(z, basis, phi.subarray(stateDimensions))
      return phi
    },
  }
}

function standardise(z: Float64Array, { mean, inverse }: Standardisation, root: number): void {
  for (let j = 0; j < z.length; j++)
    z[j] = root * Math.max(-CLIP, Math.min(CLIP, inverse[j] > 0 ? (z[j] - mean[j]) * inverse[j] : 0))
}

interface Basis {
  /** D x p, row-major. */
  readonly frequencies: Float64Array
  readonly phases: Float64Array
}

/** A function of the options alone, made once: the map changes a few times in warm-up, its frequencies do not. */
const bases = new Map<string, Basis>()

function fourierBasis({ numbers, fourier, bandwidth, seed }: FeatureOptions): Basis {
  const key = JSON.stringify([numbers.count, fourier, bandwidth, seed])
  let basis = bases.get(key)
  if (!basis) {
    const random = createRandom(seedOf(`fourier/${seed}`))
    basis = {
      frequencies: Float64Array.from({ length: fourier * numbers.count }, () => bandwidth * random.normal()),
      phases: Float64Array.from({ length: fourier }, () => 2 * Math.PI * random.uniform()),
    }
    bases.set(key, basis)
  }
  return basis
}

function writeFourier(z: Float64Array, { frequencies, phases }: Basis, out: Float64Array): void {
  const scale = Math.sqrt(2 / Math.max(1, phases.length))
  for (let i = 0, k = 0; i < out.length; i++) {
    let angle = phases[i]
    for (let j = 0; j < z.length; j++) angle += frequencies[k++] * z[j]
    out[i] = scale * Math.cos(angle)
  }
}
