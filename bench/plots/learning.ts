/** The charts of docs/learning.md from the results of `npm run bench -- learning --json`, each part where it was run. */
import type { EnvironmentResult, FileResult, Spread } from '../../src/evaluation/bakeoff/bakeoff.ts'
import type { Chart, Series } from './chart.ts'

type World = EnvironmentResult & {
  readonly beside: {
    readonly bestFixed: number
    readonly popularity?: number
    readonly contextFree: Readonly<Record<string, Spread>>
  }
}
interface Compared {
  readonly decisions: number
  readonly weighed: Spread
  readonly naive: Spread
}
interface Drift {
  /** Decisions in one place of the course. */
  readonly window: number
  readonly course: readonly number[]
  readonly lost: Spread
}
interface Fold {
  readonly fold: number
  readonly popularity: number
  readonly policy: number
  readonly ridge: number
}

/** What is in a file of the bench, by part. */
export interface LearningResults {
  readonly e2?: readonly FileResult[]
  readonly e4?: readonly World[]
  readonly e5?: { readonly decisions: number; readonly folds: readonly Fold[] }
  readonly delay?: Compared
  readonly position?: Compared
  readonly drift?: Drift
}

export const chartsOf = ({ e2, e4, e5, delay, position, drift }: LearningResults): Chart[] => [
  ...(e2 ? [losses(e2)] : []),
  ...(e4 ?? []).map(world),
  ...(e5 ? [folds(e5)] : []),
  ...(delay ? [compared('delay', 'Rewards three hours late', 'regret, prompt rewards = 1', delay)] : []),
  ...(position ? [compared('position', 'Bad items on top', 'pairs in their true order', position)] : []),
  ...(drift ? [swap(drift)] : []),
]

const ERRORS = 'error bars: two standard errors'
const twoErrors = ({ sd, seeds }: Spread): number => (2 * sd) / Math.sqrt(seeds)
const spreadSeries = (name: string, spreads: readonly Spread[]): Series => ({
  name,
  values: spreads.map(({ mean }) => mean),
  errors: spreads.map(twoErrors),
})
const seedsOf = ({ seeds }: Spread): string => `${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`

const losses = (files: readonly FileResult[]): Chart => ({
  name: 'files',
  title: 'One pass over labelled files as a bandit',
  caption: `${files.map(({ file, examples }) => `${file} ${examples}`).join(', ')} decisions, ${seedsOf(files[0].loss)}; ${ERRORS}`,
  kind: 'bars',
  x: { label: 'file', places: files.map(({ file }) => file) },
  y: 'progressive loss',
  series: [
    spreadSeries(
      files[0].learner,
      files.map(({ loss }) => loss),
    ),
  ],
})

function world({ environment, learner, shareOfGap, beside }: World): Chart {
  const horizons = Object.keys(shareOfGap)
  const level = (name: string, value: number | undefined): Series[] =>
    value === undefined ? [] : [{ name, values: horizons.map(() => value) }]
  return {
    name: environment.replaceAll(/[^\w-]+/g, '-'),
    title: environment,
    caption: `last tenth up to each number; ${seedsOf(shareOfGap[horizons[0]])}; ${ERRORS}`,
    kind: 'lines',
    x: { label: 'decisions', places: horizons },
    y: 'share of the gap random → oracle',
    series: [
      spreadSeries(
        learner,
        horizons.map(horizon => shareOfGap[horizon]),
      ),
      spreadSeries(
        'without context',
        horizons.map(horizon => beside.contextFree[horizon]),
      ),
      ...level('best fixed item', beside.bestFixed),
      ...level('popularity of views', beside.popularity),
    ],
  }
}

const folds = ({ decisions, folds: made }: NonNullable<LearningResults['e5']>): Chart => ({
  name: 'jester',
  title: 'Jester: people that were not learned from',
  caption: `${decisions} decisions a fold`,
  kind: 'bars',
  x: { label: 'fold', places: made.map(({ fold }) => fold) },
  y: 'mean rating',
  series: (['popularity', 'policy', 'ridge'] as const).map(name => ({
    name: name === 'ridge' ? 'ridge on full information' : name,
    values: made.map(fold => fold[name]),
  })),
})

const compared = (name: string, title: string, y: string, { decisions, weighed, naive }: Compared): Chart => ({
  name,
  title,
  caption: `${decisions} decisions, ${seedsOf(weighed)}; ${ERRORS}`,
  kind: 'bars',
  x: { label: `weighing.${name}s`, places: ['true', 'false'] },
  y,
  series: [spreadSeries('linear-gaussian', [weighed, naive])],
})

const swap = ({ course, window, lost }: Drift): Chart => ({
  name: 'drift',
  title: `Tastes are swapped after ${(course.length / 2) * window} decisions`,
  caption: `mean of ${seedsOf(lost)}`,
  kind: 'lines',
  x: { label: 'decisions', places: course.map((_, w) => (w + 1) * window) },
  y: 'share of the gap random → oracle',
  series: [{ name: 'linear-gaussian', values: course }],
})
