/** Trains until a goal is reached, until nothing gets better, or for so many decisions; each stretch is a point of the learning curve. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { type Environment, shareOfReturn } from '../environments/environment.ts'
import { exactReturn } from './evaluate.ts'
import { type Goal, hasConverged, isReached, type Measured, type Patience } from './goal.ts'
import type { Curve } from './plot.ts'
import type { Stretch, Trainer } from './trainer.ts'

export interface Point extends Stretch, Measured {
  /** That served at its end; empty: none yet. */
  readonly version: string
}

export type Ending = 'reached' | 'converged' | 'steps' | 'over' | 'stopped'

export interface TrainOptions {
  readonly trainer: Trainer
  readonly measure: (stretch: Stretch, trainer: Trainer) => Measured
  /** Decisions between two points. */
  readonly every: number
  /** Decisions to make (of a log: transitions to learn), those before included; the trainer ends a round that it has begun. */
  readonly steps: number
  readonly goal?: Goal
  readonly patience?: Patience
  /** Of before. */
  readonly points?: readonly Point[]
  /** Called with each new point, and all so far. */
  readonly onPoint?: (point: Point, points: readonly Point[]) => void
  /** True: somebody wants it to end; asked after each point. */
  readonly stopped?: () => boolean
}

export async function train(options: TrainOptions): Promise<{ ending: Ending; points: readonly Point[] }> {
  const { trainer, measure, every, steps, onPoint } = options
  const points = [...(options.points ?? [])]
  for (;;) {
    const before = trainer.progress.decisions
    if (before >= steps) return { ending: 'steps', points }
    const stretch = trainer.run(Math.min(every, steps - before))
    if (stretch.decisions === before) return { ending: 'over', points }
    const point: Point = { ...stretch, ...measure(stretch, trainer), version: trainer.policy?.version ?? '' }
    points.push(point)
    onPoint?.(point, points)
    if (options.goal && isReached(options.goal, point)) return { ending: 'reached', points }
    if (options.patience && hasConverged(heightsOf(points), options.patience)) return { ending: 'converged', points }
    if (options.stopped?.()) return { ending: 'stopped', points }
    await breathe()
  }
}

/** What is to be raised: the return, and where no session ended the reward. */
const heightOf = (point: Point): number | null => point.return ?? point.reward

interface Ranked {
  readonly point: Point
  readonly height: number
}

/** Those whose heights are known and of one scale: with a return, once any has one. */
function ranked(points: readonly Point[]): readonly Ranked[] {
  const returned = points.filter(point => point.return !== null)
  return (returned.length > 0 ? returned : points).flatMap(point => {
    const height = heightOf(point)
    return height === null ? [] : [{ point, height }]
  })
}

const heightsOf = (points: readonly Point[]): number[] => ranked(points).map(({ height }) => height)

/** The highest point that has a version, the first of equals; the last one where nothing is known of any. */
export function bestOf(points: readonly Point[]): Point | undefined {
  const published = points.filter(({ version }) => version !== '')
  const [highest] = ranked(published).toSorted((a, b) => b.height - a.height)
  return highest?.point ?? published.at(-1)
}

/** The measures in an environment: exact where it is finite, else of what was played. */
export function measureIn(environment: Environment, config: Config): TrainOptions['measure'] {
  const returns = environment.returns?.()
  return (stretch, { policy }) => {
    const value = environment.finite ? exactReturn(environment, config, policy) : stretch.sessionReturn
    return {
      reward: stretch.reward,
      return: value,
      share: returns && value !== null ? shareOfReturn(value, returns) : null,
    }
  }
}

/** @param environment absent: a log, of which the curve is that of the reward by transitions learned */
export function curveOf(title: string, points: readonly Point[], environment?: Environment): Curve {
  const { random, myopic, optimum } = environment?.returns?.() ?? {}
  const marks = Object.entries({ random, myopic, optimum }).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }],
  )
  const isReturn = points.some(point => point.return !== null)
  const known = ranked(points)
  const certain = known.flatMap(({ point }) => (point.estimate ? [point.estimate] : []))
  const samples = certain.map(({ effectiveSamples }) => Math.round(effectiveSamples))
  return {
    title,
    ...(samples.length > 0 && {
      note: `± a standard error; effective sample size ${Math.min(...samples)} to ${Math.max(...samples)}`,
    }),
    x: { label: environment ? 'decisions' : 'transitions', values: known.map(({ point }) => point.decisions) },
    y: {
      label: isReturn ? 'return of a session' : 'reward of a decision',
      values: known.map(({ height }) => height),
      ...(certain.length > 0 && { errors: known.map(({ point }) => point.estimate?.standardError ?? 0) }),
    },
    marks: isReturn ? marks : [],
  }
}

/** The one measure of a log. */
export const measureLog: TrainOptions['measure'] = ({ reward }) => ({ reward, return: null, share: null })
