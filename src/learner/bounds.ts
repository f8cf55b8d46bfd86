/** How much one step of a learner takes. While it learns, the process does nothing else: no heartbeat, no probe is answered. */
import type { PolicyConfig } from '../config.ts'

export interface LearnBounds {
  /** Transitions of a step, and those of a log that are learned in one step. */
  readonly maxRecords: number
  readonly maxBytes: number
  /** Time between steps, ms, unless versions are wanted more often; more often than versions are wanted, not every step
   * publishes. */
  readonly maxIntervalMs: number
  /** Each step publishes all the same: nothing corrects who learns from its own policy's decisions alone for how far it gets ahead of who
   * decides. A3C at a version a second ended at .09 of the way in `long-term`, at one a step at .99. */
  readonly publishesEachStep?: boolean
}

/** A whole publishing interval's worth: a sum takes microseconds a transition, and the output does not grow with them. */
const sums: LearnBounds = { maxRecords: 50_000, maxBytes: 16 << 20, maxIntervalMs: Number.POSITIVE_INFINITY }

/** Gradient steps grow with transitions and with their candidates, as bytes do: at a hundred candidates these are two batches.
 * So few come more often, or the learner would rest while it falls behind: 4,096 a second at a batch of 256. */
const gradients = ({ batchSize }: { readonly batchSize: number }): LearnBounds => ({
  maxRecords: 4 * batchSize,
  maxBytes: 1 << 20,
  maxIntervalMs: 250,
})

/** Each transition is gone over about `times` times, so many more of them cost what those of the others do: 8,192 a second. */
const onceOver = (batchSize: number, times: number): LearnBounds => ({
  maxRecords: Math.max(batchSize, Math.ceil(2048 / times)),
  maxBytes: 2 << 20,
  maxIntervalMs: 250,
})

const bounds: Readonly<Record<PolicyConfig['algorithm'], (policy: PolicyConfig) => LearnBounds>> = {
  'linear-gaussian': () => sums,
  'bagged-linear': () => sums,
  'neural-linear': policy => gradients(policy.neuralLinear),
  'two-tower': policy => gradients(policy.twoTower),
  'v-trace': ({ vTrace: { batchSize, stepsPerBatch } }) => onceOver(batchSize, stepsPerBatch),
  reinforce: policy => gradients(policy.reinforce),
  ppo: policy => ({ ...gradients(policy.ppo), publishesEachStep: true }),
  a3c: ({ a3c: { workers, batchSize } }) => ({
    ...gradients({ batchSize: workers * batchSize }),
    publishesEachStep: true,
  }),
  dqn: policy => gradients(policy.dqn),
  'slate-q': policy => gradients(policy.slateQ),
  classifier: policy => gradients(policy.classifier),
}

export const learnBounds = (policy: PolicyConfig): LearnBounds => bounds[policy.algorithm](policy)
