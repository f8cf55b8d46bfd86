/**
 * A seeded random projection from an encoder's own dimensions to those of the configuration (Johnson and Lindenstrauss):
 * inner products stay, up to noise of about 1/sqrt(dimensions). Seeded by the two numbers only, so that every process
 * projects alike. Where there are fewer dimensions in than out, vectors are filled with zeros: nothing is lost.
 */
import { createRandom, seedOf } from '../state/random.ts'
import { normalise } from './encoder.ts'

/** @returns a function that makes a new unit vector of `to` dimensions of one of `from` */
export function createProjection(from: number, to: number): (vector: Float32Array) => Float32Array {
  if (from <= to) return vector => normalise(Float32Array.from({ length: to }, (_, i) => vector[i] ?? 0))
  const random = createRandom(seedOf(`projection/${from}/${to}`))
  const matrix = Float32Array.from({ length: from * to }, () => random.normal())
  return vector => {
    const out = new Float32Array(to)
    for (let i = 0; i < to; i++) {
      let sum = 0
      for (let j = 0; j < from; j++) sum += matrix[i * from + j] * vector[j]
      out[i] = sum
    }
    return normalise(out)
  }
}

/** What an encoder of natural language reads of an input: the text, then `name: value` of each attribute by name. */
export function describe(text: string | null, attributes: Readonly<Record<string, unknown>>): string {
  const described = Object.keys(attributes)
    .sort()
    .map(name => `${name}: ${String(attributes[name])}`)
  return [text ?? '', ...described].filter(part => part !== '').join('. ')
}
