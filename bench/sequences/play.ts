/** An algorithm in an environment, in process: what its policy is worth after so many decisions. */
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { merge } from '../../src/demo/merge.ts'
import { type Environment, shareOfReturn } from '../../src/environments/environment.ts'
import type { AlgorithmName } from '../../src/learner/algorithms.ts'
import { createLearner } from '../../src/learner/create.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { exactReturn } from '../../src/training/evaluate.ts'
import { createTrainer, type Trainer } from '../../src/training/trainer.ts'
import type { Adapt } from './adapted.ts'
import { type PartOptions, range, round } from './part.ts'

export type PolicyInput = NonNullable<ConfigInput['policies']>[number]

export interface Course {
  readonly environment: Environment
  readonly policy: PolicyInput & { readonly algorithm: AlgorithmName }
  readonly seed: number
  /** What happens to its learner beside. */
  readonly adapt?: Adapt
}

/** Values explore by a floor that is no part of what they learned: their policy is the greedy one. Others are worth what they serve. */
export const judged = (policy: PolicyInput): PolicyInput =>
  policy.algorithm === 'dqn' || policy.algorithm === 'slate-q' ? { ...policy, explorer: { name: 'greedy' } } : policy

export const configOf = (environment: Environment, policy: PolicyInput) =>
  parseConfig(merge(environment.preset, { policies: [policy] }))

/** 16 sessions side by side. @throws FeedloopError BACKEND_UNAVAILABLE */
export async function trainerOf({ environment, policy, seed, adapt = same => same }: Course): Promise<Trainer> {
  const config = configOf(environment, policy)
  const learner = adapt(await createLearner(config, config.policies[0], createStateEncoder(config)))
  return createTrainer({ environment, config, learner, seed })
}

/** The share of the way from random to optimal after so many decisions, rising, exactly. @throws FeedloopError BACKEND_UNAVAILABLE */
export async function sharesAt(course: Course, marks: readonly number[]): Promise<number[]> {
  const { environment, policy } = course
  const trainer = await trainerOf(course)
  return marks.map(mark => {
    trainer.run(mark - trainer.progress.decisions)
    const worth = exactReturn(environment, configOf(environment, judged(policy)), trainer.policy)
    return round(shareOfReturn(worth, environment.returns!()))
  })
}

/** Of each seed the share after so many decisions. @throws FeedloopError BACKEND_UNAVAILABLE */
export async function sharesOf(
  { decisions, ...course }: Omit<Course, 'seed'> & { readonly decisions: number },
  { seeds, say }: PartOptions,
): Promise<number[]> {
  const shares: number[] = []
  for (const seed of range(seeds)) {
    const begun = process.cpuUsage()
    shares.push(...(await sharesAt({ ...course, seed }, [decisions])))
    const { user, system } = process.cpuUsage(begun)
    const cpu = `${((user + system) / 1e6).toFixed(1)} s CPU`
    say(`${course.environment.name} ${course.policy.algorithm} seed ${seed}: ${shares.at(-1)} (${cpu})`)
  }
  return shares
}
