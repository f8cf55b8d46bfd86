/**
 * An encoder turns what is known of an item or a person into a vector. Its `version` names everything that decides the
 * numbers (algorithm, model, dimensions): two encoders of one version give the same vector for the same content, and it
 * is part of every feature version that the decision record keeps.
 */
import type { Item } from '../../schemas/records.ts'
import { FeedloopError, isCode } from '../errors.ts'

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

/** Encodes each input by itself where need be: a batch that is refused is halved until the bad input stands alone.
 * @returns a vector, or the ENCODER_REFUSED error, for each input in order
 * @throws FeedloopError ENCODER_UNAVAILABLE and what is no input's fault */
export async function encodeEach(
  encoder: Encoder,
  inputs: readonly EncoderInput[],
): Promise<(Float32Array | FeedloopError)[]> {
  if (inputs.length === 0) return []
  try {
    const vectors = await encoder.encode(inputs)
    checkVectors(vectors, inputs.length, encoder.dimensions)
    return vectors
  } catch (error) {
    if (!isCode(error, 'ENCODER_REFUSED')) throw error
    if (inputs.length === 1) return [error as FeedloopError]
    const half = inputs.length >> 1
    return [...(await encodeEach(encoder, inputs.slice(0, half))), ...(await encodeEach(encoder, inputs.slice(half)))]
  }
}

/** @throws FeedloopError ENCODER_REFUSED unless there are `count` finite vectors of the right length */
export function checkVectors(vectors: readonly Float32Array[], count: number, dimensions: number): void {
  const refuse = (detail: string) => {
    throw new FeedloopError('ENCODER_REFUSED', detail)
  }
  if (vectors.length !== count) refuse(`${vectors.length} vectors for ${count} inputs`)
  for (const vector of vectors) {
    if (vector.length !== dimensions) refuse(`a vector of ${vector.length} dimensions, not ${dimensions}`)
    if (!vector.every(Number.isFinite)) refuse('a vector that is not finite')
  }
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
