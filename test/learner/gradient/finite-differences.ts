/** The gradient of a loss at logits and values, by central differences. */
import assert from 'node:assert/strict'
import type { Loss } from '../../../src/learner/gradient/method.ts'

type Scalar = (logits: Float32Array, values: Float32Array) => number

/** Where all slopes are 0, of doubles. */
const ROUNDING = 1e-9
/** A step that float32 outputs can tell apart, and the error it brings. */
const STEP = 2 ** -10
/** Of the largest slope of its kind: a term that is off by a tenth shows, however small the batch makes it. */
const TOLERANCE = 1e-3

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
    const slopes = Array.from(vary, (_, i) => slope(vary, i, at))
    const largest = Math.max(...slopes.map(Math.abs))
    slopes.forEach((expected, i) => {
      const off = Math.abs(stated[i] - expected)
      assert.ok(off <= TOLERANCE * largest + ROUNDING, `${name}[${i}]: ${stated[i]}, ${expected}`)
    })
  }
  const [l, v] = [logits.slice(), values.slice()]
  check('logit', loss.logitGradient, l, () => scalar(l, values))
  check('value', loss.valueGradient, v, () => scalar(logits, v))
}
