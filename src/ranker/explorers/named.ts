/** The explorers by the name that the configuration gives them. */
import type { ExplorerConfig } from '../../config.ts'
import { epsilonGreedy } from './epsilon-greedy.ts'
import type { Explorer } from './explorer.ts'
import { greedy } from './greedy.ts'
import { softmax } from './softmax.ts'
import { thompson } from './thompson.ts'
import { uniform } from './uniform.ts'

export const explorers: Readonly<Record<ExplorerConfig['name'], Explorer>> = {
  thompson,
  softmax,
  'epsilon-greedy': epsilonGreedy,
  greedy,
  uniform,
}
