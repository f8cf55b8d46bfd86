/** The explorers by the name that the configuration gives them. */
import { bagging } from './bagging.ts'
import { cover } from './cover.ts'
import { epsilonGreedy } from './epsilon-greedy.ts'
import type { Explorer } from './explorer.ts'
import { greedy } from './greedy.ts'
import { linucb } from './linucb.ts'
import { regcbElimination, regcbOptimistic } from './regcb.ts'
import type { ConfigOf, ExplorerConfig, ExplorerName } from './schema.ts'
import { softmax } from './softmax.ts'
import { squarecb } from './squarecb.ts'
import { thompson } from './thompson.ts'
import { uniform } from './uniform.ts'

const make: { readonly [Name in ExplorerName]: (config: ConfigOf<Name>) => Explorer } = {
  thompson,
  softmax,
  'epsilon-greedy': epsilonGreedy,
  greedy: () => greedy,
  uniform: () => uniform,
  squarecb,
  linucb,
  'regcb-elimination': regcbElimination,
  'regcb-optimistic': regcbOptimistic,
  cover,
  bagging,
}

export const createExplorer = (config: ExplorerConfig): Explorer =>
  (make[config.name] as (config: ExplorerConfig) => Explorer)(config)
