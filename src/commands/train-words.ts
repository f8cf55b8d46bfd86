/** What `feedloop train` says: in what it learns, how good that is, why it ended. */
import { bestOf, type Ending, type Point } from '../training/train.ts'
import type { Certainty } from '../training/trainer.ts'
import type { Ground } from './train-ground.ts'

/** Why no reward is known of a log. */
export const whyUnknown = ({ tells, hint }: Pick<Ground, 'tells' | 'hint'>): string =>
  tells.includes('reward')
    ? 'of what is held out with an exact propensity this policy would show nothing'
    : `no decision held out has an exact propensity${hint && ` (${hint})`}`

export const say = ({ reward, estimate, return: sum, share }: Point): string =>
  [
    reward === null ? 'reward unknown' : `reward ${reward.toFixed(4)}${estimate ? sayCertainty(estimate) : ''}`,
    ...(sum === null ? [] : [`return ${sum.toFixed(3)}`]),
    ...(share === null ? [] : [`share ${share.toFixed(3)}`]),
  ].join(', ')

const sayCertainty = ({ standardError, effectiveSamples }: Certainty): string =>
  ` ± ${standardError.toFixed(4)} (standard error; effective sample size ${effectiveSamples.toFixed(1)})`

const endings: Readonly<Record<Ending, string>> = {
  reached: 'The goal is reached',
  converged: 'Nothing gets better',
  steps: 'The steps are over',
  over: 'It is over',
  stopped: 'Stopped',
}

export const describeGround = ({ trainer, environment, name, unit }: Ground): string =>
  `${trainer.progress.decisions > 0 ? `Goes on after ${trainer.progress.decisions} ${unit}` : 'Learns'} ${environment ? `in the environment ${name}` : `from ${name}, a tenth of it held out`}.`

export function describe(ground: Ground, ending: Ending, points: readonly Point[]): string {
  const best = bestOf(points)
  const why = best?.reward === null && !ground.environment ? ` (${whyUnknown(ground)})` : ''
  const told = best ? `; best: ${say(best)}${why} with version ${best.version}` : ''
  const ended = ending === 'over' && !ground.environment ? 'The log is learned' : endings[ending]
  return `${ended} after ${points.at(-1)?.decisions ?? 0} ${ground.unit}${told}.`
}
