/** Several heads' logits lie side by side, [B, K, heads]; their embeddings likewise, in columns. */
import type { Parameters, Shape } from './parameters.ts'

/** [B, K] of one head. @param all [B, K, heads] row-major */
export const headOf = (all: Float32Array, head: number, heads: number): Float32Array =>
  heads === 1 ? all : Float32Array.from({ length: all.length / heads }, (_, i) => all[head + i * heads])

/** [B, K, heads] of [B, K] each. */
export function interleaved(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]
  const all = new Float32Array(parts.length * parts[0].length)
  parts.forEach((part, head) => {
    for (let i = 0; i < part.length; i++) all[i * parts.length + head] = part[i]
  })
  return all
}

/** The same towers with their first head alone: a policy's, where others only help it to learn. */
export function firstHead<N extends { readonly shape: Shape; readonly weights: Parameters }>(network: N): N {
  const { shape, weights } = network
  const { embedding, heads = 1 } = shape
  if (heads === 1) return network
  const columns = (all: Float32Array): Float32Array => all.filter((_, i) => i % (heads * embedding) < embedding)
  return {
    ...network,
    shape: { ...shape, heads: 1 },
    weights: {
      ...weights,
      'user/embedding/weights': columns(weights['user/embedding/weights']),
      'user/embedding/bias': columns(weights['user/embedding/bias']),
      'item/embedding/weights': columns(weights['item/embedding/weights']),
      'item/embedding/bias': columns(weights['item/embedding/bias']),
    },
  }
}
