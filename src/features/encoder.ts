/**
 * An encoder turns what is known of an item or a person into a vector. Its `version` names everything that decides the
 * numbers (algorithm, model, dimensions): two encoders of one version give the same vector for the same content, and it
 * is part of every feature version that the decision record keeps.
 */
import type { Item } from '../../schemas/records.ts'

export interface EncoderInput {
  /** Empty: identity says nothing (profiles of people, who must not be memorised). */
  readonly id: string
  readonly text: string | null
  readonly attributes: Item['attributes']
}

export interface Encoder {
  readonly version: string
  readonly dimensions: number
  /** One vector an input, in order.
   * @throws FeedloopError ENCODER_UNAVAILABLE (try again later), ENCODER_REFUSED (this batch holds a bad input),
   * DEPENDENCY_MISSING, DATA_MISSING */
  encode(inputs: readonly EncoderInput[]): Promise<Float32Array[]>
  close?(): Promise<void>
}

/** Scales to length 1 in place; a vector of zeros stays. */
export function normalise(vector: Float32Array): Float32Array {
  let square = 0
  for (const x of vector) square += x * x
  if (square > 0) {
    const scale = 1 / Math.sqrt(square)
    for (let i = 0; i < vector.length; i++) vector[i] *= scale
  }
  return vector
}
