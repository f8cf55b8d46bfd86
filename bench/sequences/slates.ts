/**
 * Slates of three that are chosen from (src/environments/slate-choice.ts): SlateQ and the gradient of whole slates against learners that
 * judge each place for itself. A difference counts from two standard errors of the seeds' differences on.
 */
import { openEnvironment } from '../../src/environments/open.ts'
import { FeedloopError } from '../../src/errors.ts'
import { spreadOf } from '../../src/evaluation/bakeoff/bakeoff.ts'
import type { Bar } from '../main.ts'
import type { SequencesPart } from './part.ts'
import { type Course, sharesOf } from './play.ts'

const BUDGET = 60_000
const explored = { explorer: { name: 'epsilon-greedy', epsilon: 0.1 } } as const

const ofSlates: readonly Course['policy'][] = [{ algorithm: 'slate-q', ...explored }, { algorithm: 'reinforce' }]
const ofItems: readonly Course['policy'][] = [{ algorithm: 'dqn', ...explored }, { algorithm: 'two-tower' }]

export const benchSlates: SequencesPart = async options => {
  if (options.seeds < 2) throw new FeedloopError('USAGE', 'slates are judged by the errors of seeds: --seeds 2 or more')
  const environment = openEnvironment('slate-choice')
  const shares: Record<string, readonly number[]> = {}
  for (const policy of [...ofSlates, ...ofItems])
    shares[policy.algorithm] = await sharesOf({ environment, policy, decisions: BUDGET }, options)
  const bars: Bar[] = ofSlates.flatMap(({ algorithm }) =>
    ofItems.map(({ algorithm: other }) => {
      const { mean, sd, seeds } = spreadOf(shares[algorithm].map((share, i) => share - shares[other][i]))
      const value = mean - (2 * sd) / Math.sqrt(seeds)
      return {
        name: `${algorithm} beyond ${other}, mean - 2 standard errors of ${seeds}`,
        value,
        unit: 'of the way',
        atLeast: 0,
      }
    }),
  )
  return { results: { budget: BUDGET, ...shares }, bars }
}
