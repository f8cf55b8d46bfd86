import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Caps, type Trace, vtrace } from '../../../src/learner/v-trace/targets.ts'

const number = fc.double({ min: -3, max: 3, noNaN: true })
const steps = fc.array(
  fc.record({
    reward: number,
    discount: fc.double({ min: 0, max: 1, noNaN: true }),
    value: number,
    ratio: fc.double({ min: 0.01, max: 4, noNaN: true }),
  }),
  { minLength: 1, maxLength: 7 },
)
const traces = fc.tuple(steps, number).map(
  ([each, nextValue]): Trace => ({
    rewards: each.map(({ reward }) => reward),
    discounts: each.map(({ discount }) => discount),
    values: each.map(({ value }) => value),
    ratios: each.map(({ ratio }) => ratio),
    nextValue,
  }),
)
const onPolicy = traces.map(trace => ({ ...trace, ratios: Array.from(trace.ratios, () => 1) }))
const caps = { maxImportanceWeight: 1.5, maxTraceWeight: 1.2 }

function run(trace: Trace, limits: Caps) {
  const [targets, advantages] = [new Float64Array(trace.rewards.length), new Float64Array(trace.rewards.length)]
  vtrace(trace, limits, targets, advantages)
  return { targets, advantages }
}

/** V at t of the segment, the state after it included. */
const valueAt = ({ values, nextValue }: Trace, t: number): number => (t < values.length ? values[t] : nextValue)

/** v_s = V_s + Σ_t (Π_{i<t} γ_i c_i) ρ_t (r_t + γ_t V_{t+1} − V_t): eq. 1 as it stands. */
function plainTarget(trace: Trace, s: number, { maxImportanceWeight, maxTraceWeight }: Caps): number {
  let target = valueAt(trace, s)
  for (let t = s; t < trace.rewards.length; t++) {
    let carried = 1
    for (let i = s; i < t; i++) carried *= trace.discounts[i] * Math.min(maxTraceWeight, trace.ratios[i])
    const rho = Math.min(maxImportanceWeight, trace.ratios[t])
    target += carried * rho * (trace.rewards[t] + trace.discounts[t] * valueAt(trace, t + 1) - valueAt(trace, t))
  }
  return target
}

const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b)), `${a}, ${b}`)

describe('V-trace', () => {
  test('targets are the sums of eq. 1, advantages r + γ v − V', () => {
    fc.assert(
      fc.property(traces, trace => {
        const { targets, advantages } = run(trace, caps)
        const last = trace.rewards.length - 1
        targets.forEach((target, s) => {
          close(target, plainTarget(trace, s, caps))
          const next = s === last ? trace.nextValue : plainTarget(trace, s + 1, caps)
          close(advantages[s], trace.rewards[s] + trace.discounts[s] * next - trace.values[s])
        })
      }),
    )
  })

  test('on policy it is the n-step return', () => {
    fc.assert(
      fc.property(onPolicy, trace => {
        const { targets } = run(trace, { maxImportanceWeight: 1, maxTraceWeight: 1 })
        let expected = trace.nextValue
        for (let t = targets.length - 1; t >= 0; t--) {
          expected = trace.rewards[t] + trace.discounts[t] * expected
          close(targets[t], expected)
        }
      }),
    )
  })

  test('with c 0 it is the one-step target, weighed', () => {
    fc.assert(
      fc.property(traces, trace => {
        const { targets } = run(trace, { maxImportanceWeight: 1, maxTraceWeight: 0 })
        targets.forEach((target, t) => {
          const delta = trace.rewards[t] + trace.discounts[t] * valueAt(trace, t + 1) - trace.values[t]
          close(target, trace.values[t] + Math.min(1, trace.ratios[t]) * delta)
        })
      }),
    )
  })

  test('what the policy would never do changes no value', () => {
    fc.assert(
      fc.property(traces, trace => {
        const { targets } = run({ ...trace, ratios: Array.from(trace.ratios, () => 0) }, caps)
        targets.forEach((target, t) => {
          close(target, trace.values[t])
        })
      }),
    )
  })
})
