/** How much one step of a learner takes. While it learns, the process does nothing else: no heartbeat, no probe is answered. */
import type { PolicyConfig } from '../config.ts'

export interface LearnBounds {
  /** Transitions of a step, and those of a log that are learned in one step. */
  readonly maxRecords: number
  readonly maxBytes: number
}

/** A whole publishing interval's worth: a sum takes microseconds a transition, and the output does not grow with them. */
const sums: LearnBounds = { maxRecords: 50_000, maxBytes: 16 << 20 }

/** Gradient steps grow with transitions and with their candidates, as bytes do: at a hundred candidates these are two batches. */
const gradients = ({ batchSize }: { readonly batchSize: number }): LearnBounds => ({
  maxRecords: 4 * batchSize,
  maxBytes: 1 << 20,
})

const bounds: Readonly<Record<PolicyConfig['algorithm'], (policy: PolicyConfig) => LearnBounds>> = {
  'linear-gaussian': () => sums,
  'bagged-linear': () => sums,
  'neural-linear': policy => gradients(policy.neuralLinear),
  'two-tower': policy => gradients(policy.twoTower),
}

export const learnBounds = (policy: PolicyConfig): LearnBounds => bounds[policy.algorithm](policy)
