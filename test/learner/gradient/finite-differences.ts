/** The gradient of a loss at logits and values, by central differences. */
import assert from 'node:assert/strict'
import type { Loss } from '../../../src/learner/gradient/method.ts'

type Scalar = (logits: Float32Array, values: Float32Array) => number

/** A step that float32 outputs can tell apart, and the error it brings. */
const STEP = 2 ** -10
const TOLERANCE = 2e-3

/** Compares the gradients that a loss states with differences of the scalar, at every output.
 * @param scalar the loss by its definition; what the paper holds constant must be held constant in it */
export function assertGradients(loss: Loss, scalar: Scalar, logits: Float32Array, values: Float32Array): void {
  const slope = (vary: Float32Array, i: number, at: () => number): number => {
    const before = vary[i]
    vary[i] = before + STEP
    const above = at()
    vary[i] = before - STEP
    const below = at()
    vary[i] = before
    return (above - below) / (2 * STEP)
  }
  const check = (name: string, stated: Float32Array, vary: Float32Array, at: () => number): void => {
    assert.equal(stated.length, vary.length)
    vary.forEach((_, i) => {
      const expected = slope(vary, i, at)
      assert.ok(
        Math.abs(stated[i] - expected) < TOLERANCE * Math.max(1, Math.abs(expected)),
        `${name}[${i}]: ${stated[i]}, ${expected}`,
      )
    })
  }
  const [l, v] = [logits.slice(), values.slice()]
  check('logit', loss.logitGradient, l, () => scalar(l, values))
  check('value', loss.valueGradient, v, () => scalar(logits, v))
}
