/** Which checkpoints a configuration can go on from. */
import { createHash } from 'node:crypto'
import type { Config, PolicyConfig } from '../config.ts'
import { algorithms } from './algorithms.ts'
import { headsOf } from './two-tower/advantages.ts'

/** Hash of all settings whose change makes a checkpoint unusable. Weights of rewards, the prior, learning rates, alpha
 * and the like are not among them: they may change from one start to the next. */
export function hashOf(config: Config, policy: PolicyConfig, encoderVersion: string): string {
  const { halfLifeMs, fourier } = policy.linearGaussian
  const map = config.state.blocks.includes('numbers') ? [fourier] : []
  const towers = ({ hidden, embedding }: { readonly hidden: number; readonly embedding: number }) => [hidden, embedding]
  const shapes: Record<PolicyConfig['algorithm'], () => unknown[]> = {
    'linear-gaussian': () => [halfLifeMs, ...map],
    'bagged-linear': () => [halfLifeMs, ...map, policy.baggedLinear.members],
    'neural-linear': () => [halfLifeMs, ...towers(policy.neuralLinear)],
    'two-tower': () => [
      ...towers(policy.twoTower),
      ...(headsOf({ ...policy.twoTower, bootstraps: policy.gamma > 0 }) === 2 ? ['advantages'] : []),
    ],
    'v-trace': () => towers(policy.vTrace),
    reinforce: () => [...towers(policy.reinforce), policy.reinforce.behaviour],
    ppo: () => towers(policy.ppo),
    a3c: () => [...towers(policy.a3c), policy.a3c.workers],
    dqn: () => [...towers(policy.dqn), policy.dqn.dueling],
    'slate-q': () => towers(policy.slateQ),
    classifier: () => [policy.classifier.hidden, policy.classifier.maxActions],
  }
  // sums take another range as they are, rewards in a buffer do not; neither goes without one from what had one, or back
  const ranged = policy.rewardRange ? [algorithms[policy.algorithm].keepsRewards ? policy.rewardRange : 'range'] : []
  const features = [config.features.encoder, config.features.dimensions]
  const settings = JSON.stringify([
    policy.name,
    policy.algorithm,
    shapes[policy.algorithm](),
    encoderVersion,
    features,
    ...ranged,
  ])
  return createHash('sha256').update(settings).digest('hex').slice(0, 16)
}
