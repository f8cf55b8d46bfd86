/** An algorithm in an environment, in process: what its policy is worth after so many decisions. */
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { merge } from '../../src/demo/merge.ts'
import { type Environment, shareOfReturn } from '../../src/environments/environment.ts'
import type { AlgorithmName } from '../../src/learner/algorithms.ts'
import { createLearner } from '../../src/learner/create.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { exactReturn } from '../../src/training/evaluate.ts'
import { createTrainer } from '../../src/training/trainer.ts'
import { type PartOptions, range, round } from './part.ts'

export type PolicyInput = NonNullable<ConfigInput['policies']>[number]

export interface Course {
  readonly environment: Environment
  readonly policy: PolicyInput & { readonly algorithm: AlgorithmName }
  readonly decisions: number
  readonly seed: number
}

interface Outcome {
  /** J of what was learned, exactly. */
  readonly worth: number
  readonly cpuSeconds: number
}

/** Values explore by a floor that is no part of what they learned: their policy is the greedy one. Others are worth what they serve. */
export const judged = (policy: PolicyInput): PolicyInput =>
  policy.algorithm === 'dqn' || policy.algorithm === 'slate-q' ? { ...policy, explorer: { name: 'greedy' } } : policy

export const configOf = (environment: Environment, policy: PolicyInput) =>
  parseConfig(merge(environment.preset, { policies: [policy] }))

/** Learns for so many decisions, 16 sessions side by side. @throws FeedloopError BACKEND_UNAVAILABLE */
async function play({ environment, policy, decisions, seed }: Course): Promise<Outcome> {
  const begun = process.cpuUsage()
  const config = configOf(environment, policy)
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const trainer = createTrainer({ environment, config, learner, seed })
  trainer.run(decisions)
  const { user, system } = process.cpuUsage(begun)
  return {
    worth: exactReturn(environment, configOf(environment, judged(policy)), trainer.policy),
    cpuSeconds: (user + system) / 1e6,
  }
}

/** Of each seed the share of the way from random to optimal. @throws FeedloopError BACKEND_UNAVAILABLE */
export async function sharesOf(course: Omit<Course, 'seed'>, { seeds, say }: PartOptions): Promise<number[]> {
  const { environment, policy } = course
  const shares: number[] = []
  for (const seed of range(seeds)) {
    const { worth, cpuSeconds } = await play({ ...course, seed })
    shares.push(round(shareOfReturn(worth, environment.returns!())))
    say(`${environment.name} ${policy.algorithm} seed ${seed}: ${shares.at(-1)} (${cpuSeconds.toFixed(1)} s CPU)`)
  }
  return shares
}
