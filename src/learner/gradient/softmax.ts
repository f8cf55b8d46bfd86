/** The policy π = softmax(logits) of one decision, and its entropy: what the losses of policy gradients are made of. */

/** Writes π over the `count` logits at `from` into `out`. */
export function softmax(logits: Float32Array, from: number, count: number, out: Float64Array): void {
  let highest = Number.NEGATIVE_INFINITY
  for (let k = 0; k < count; k++) highest = Math.max(highest, logits[from + k])
  let total = 0
  for (let k = 0; k < count; k++) {
    out[k] = Math.exp(logits[from + k] - highest)
    total += out[k]
  }
  for (let k = 0; k < count; k++) out[k] /= total
}

/** H(π) = −Σ π log π, nats. */
export function entropyOf(probabilities: Float64Array, count: number): number {
  let h = 0
  for (let k = 0; k < count; k++) if (probabilities[k] > 0) h -= probabilities[k] * Math.log(probabilities[k])
  return h
}

/** d(−H)/dlogit_k = π_k (log π_k + H). */
export const entropyGradient = (probability: number, entropy: number): number =>
  probability > 0 ? probability * (Math.log(probability) + entropy) : 0
