/**
 * The pole on a cart (src/environments/cartpole.ts), a sanity check: within a budget of decisions a version holds it for 475 of 500 steps in
 * the mean of 100 episodes, which is CartPole-v1's own mark. Every some thousand decisions 100 episodes say whether training ends; what they
 * find is judged by 100 others. Settings are those of the environment's preset.
 */
import { openEnvironment } from '../../src/environments/open.ts'
import { sampledReturn } from '../../src/training/evaluate.ts'
import type { Bar } from '../main.ts'
import { range, round, type SequencesPart } from './part.ts'
import { type Course, configOf, judged, trainerOf } from './play.ts'

const BUDGET = 150_000
const EVERY = 5000
const MARK = 475
/** Mean at which training ends: beyond the mark, since who is chosen for a mean is a little worse than it. */
const ENOUGH = 495
const EPISODES = 100

export const learners: readonly Course['policy'][] = [
  { algorithm: 'ppo' },
  { algorithm: 'a3c' },
  { algorithm: 'v-trace' },
  { algorithm: 'dqn', explorer: { name: 'epsilon-greedy', epsilon: 0.05 } },
]

export const benchCartpole: SequencesPart = async ({ seeds, say }) => {
  const results: Record<string, unknown> = {}
  const bars: Bar[] = []
  for (const policy of learners) {
    const runs: Mastered[] = []
    for (const seed of range(seeds)) {
      runs.push(await master(policy, seed))
      say(`cartpole ${policy.algorithm} seed ${seed}: ${JSON.stringify(runs.at(-1))}`)
    }
    results[policy.algorithm] = runs
    bars.push({
      name: `${policy.algorithm}: steps that the pole is held, of 500, within ${BUDGET} decisions, worst of ${seeds}`,
      value: Math.min(...runs.map(({ held }) => held)),
      unit: 'steps',
      atLeast: MARK,
    })
  }
  return { results: { budget: BUDGET, ...results }, bars }
}

interface Mastered {
  /** When training ended: it was enough, or the budget was over. */
  readonly decisions: number
  /** Mean of episodes that did not decide when. */
  readonly held: number
}

async function master(policy: Course['policy'], seed: number): Promise<Mastered> {
  const environment = openEnvironment('cartpole')
  const trainer = await trainerOf({ environment, policy, seed })
  const holds = (episodesSeed: number): number =>
    sampledReturn(environment, configOf(environment, judged(policy)), trainer.policy, {
      episodes: EPISODES,
      seed: episodesSeed,
    }).mean
  do trainer.run(EVERY)
  while (trainer.progress.decisions < BUDGET && holds(101) < ENOUGH)
  return { decisions: trainer.progress.decisions, held: round(holds(202)) }
}
