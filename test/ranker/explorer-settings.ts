/** Settings under which every explorer of the tests leaves nobody out and is far from uniform. */
import type { ConfigOf, ExplorerName } from '../../src/ranker/explorers/schema.ts'

export const settings: { readonly [Name in ExplorerName]: ConfigOf<Name> } = {
  thompson: { name: 'thompson', draws: 16, epsilon: 0.1, alpha: 1, optimistic: false, sharpness: 1 },
  softmax: { name: 'softmax', temperature: 5, exponent: 0.5, epsilon: 0.1 },
  'epsilon-greedy': { name: 'epsilon-greedy', epsilon: 0.01, start: 1, exponent: 0.4 },
  greedy: { name: 'greedy' },
  uniform: { name: 'uniform' },
  squarecb: { name: 'squarecb', gamma: 2, exponent: 0.5, rewardSpan: undefined },
  linucb: { name: 'linucb', alpha: 0.5, epsilon: 0.1 },
  'regcb-elimination': { name: 'regcb-elimination', width: 0.05, epsilon: 0.1 },
  'regcb-optimistic': { name: 'regcb-optimistic', width: 0.05, epsilon: 0.1 },
  cover: { name: 'cover', policies: 20, psi: 0.8, epsilon: 0.1 },
  bagging: { name: 'bagging', epsilon: 0.1 },
}
