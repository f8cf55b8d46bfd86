/** The algorithms by the name that a policy's configuration gives, and what the stages must know of each. */
import type { ExplorerName, Need } from '../ranker/explorers/schema.ts'

export interface Algorithm {
  /** What its scores are good for. */
  readonly offers: readonly Need[]
  /** Explores where the configuration names none. */
  readonly explorer: ExplorerName
  /** It looks at candidates, so their vectors are read. */
  readonly seesCandidates: boolean
  /** It keeps transitions and their scalar rewards: one whose reward has another range is another transition. */
  readonly keepsRewards: boolean
}

const sums = { explorer: 'thompson', seesCandidates: false, keepsRewards: false } as const
/** Scores are logits, whose softmax is the policy. */
const logits = { offers: ['scores'], explorer: 'softmax', seesCandidates: true, keepsRewards: true } as const
/** Scores are values with all that comes after: their own scale, no posterior. */
const values = { ...logits, explorer: 'epsilon-greedy' } as const

export const algorithms = {
  'linear-gaussian': { ...sums, offers: ['scores', 'rewards', 'posterior'] },
  'bagged-linear': { ...sums, offers: ['scores', 'rewards', 'posterior', 'members'] },
  'neural-linear': { ...sums, offers: ['scores', 'rewards', 'posterior'], seesCandidates: true },
  'two-tower': logits,
  'v-trace': logits,
  reinforce: logits,
  ppo: logits,
  a3c: logits,
  dqn: values,
  'slate-q': values,
  /** Its classes are items, whatever their vectors are. */
  classifier: { ...logits, seesCandidates: false, keepsRewards: false },
} as const satisfies Readonly<Record<string, Algorithm>>

export type AlgorithmName = keyof typeof algorithms
export const algorithmNames = Object.keys(algorithms) as [AlgorithmName, ...AlgorithmName[]]

/** What learns where the configuration names nothing: exact sums; with a discount, what looks beyond the next reward. */
export const defaultAlgorithm = (gamma: unknown): AlgorithmName =>
  typeof gamma === 'number' && gamma > 0 ? 'v-trace' : 'linear-gaussian'
