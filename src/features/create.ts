/** The encoder that the configuration names. */
import type { Config } from '../config.ts'
import type { Encoder } from './encoder.ts'
import { createEndpointEncoder } from './endpoint.ts'
import { createHashedEncoder } from './hashed.ts'
import { createOnnxEncoder } from './onnx.ts'

/** @throws FeedloopError DEPENDENCY_MISSING, DATA_MISSING */
export async function createEncoder({ encoder, dimensions, onnx, endpoint }: Config['features']): Promise<Encoder> {
  if (encoder === 'onnx') return createOnnxEncoder(onnx.folder, dimensions)
  if (encoder === 'endpoint') return createEndpointEncoder(endpoint, dimensions)
  return createHashedEncoder(dimensions)
}
