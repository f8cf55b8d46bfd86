/**
 * How well the shipped default learns from bandit feedback: progressive loss on labelled files, share of the gap between
 * random choice and the oracle in two RecoGym worlds, and the way from popularity to ridge regression on Jester. One
 * configuration for all; what differs is each world's description of its data. A bar is judged two standard errors from
 * the mean, on the wrong side. `--quick`: fewer seeds and decisions, no bars that need the full length.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClassification, readRows } from '../src/environments/classification.ts'
import { readJester } from '../src/environments/jester.ts'
import { openEnvironment } from '../src/environments/open.ts'
import { FeedloopError } from '../src/errors.ts'
import { bakeEnvironment, bakeFile, type Spread, spreadOf } from '../src/evaluation/bakeoff/bakeoff.ts'
import { scoreFold } from '../src/evaluation/bakeoff/jester-folds.ts'
import type { Bar, BenchOptions, BenchResult } from './main.ts'

const data = process.env.FEEDLOOP_DATA ?? fileURLToPath(new URL('../../shared/data', import.meta.url))
const explorers = ['thompson'] as const

const files = { optdigits: 0.075, letter: 0.28 }
const worlds = {
  'p10-flips5-seed60': [0.42, 0.55, 0.8, 0.92],
  'p20-flips10-seed58': [0.3, 0.48, 0.62, 0.75],
}
const horizons = [10_000, 30_000, 100_000, 200_000]
const MAX_CPU_MS = 2

const error = ({ sd, seeds }: Spread): number => (2 * sd) / Math.sqrt(seeds)
const cpuBar = (name: string, value: number): Bar => ({ name: `${name}: CPU`, value, unit: 'ms', atMost: MAX_CPU_MS })

/** @throws FeedloopError DATA_MISSING */
export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  if (!existsSync(data)) throw new FeedloopError('DATA_MISSING', `no data at ${data}: set FEEDLOOP_DATA`)
  const quick = args.quick === true
  const parts = [benchFiles(quick, say), benchWorlds(quick, say), benchJester(quick, say)]
  return { results: parts.map(part => part.results), bars: parts.flatMap(part => part.bars) }
}

function benchFiles(quick: boolean, say: BenchOptions['say']) {
  const results = Object.keys(files).flatMap(name =>
    bakeFile(createClassification(readRows(join(data, 'uci', `${name}.arff`))), {
      explorers,
      seeds: quick ? 1 : 10,
      say,
    }),
  )
  const bars = results.flatMap(({ loss, cpuMsPerDecision }, i): Bar[] => {
    const [name, atMost] = Object.entries(files)[i]
    return [
      { name: `${name}: loss + 2 standard errors`, value: loss.mean + error(loss), unit: 'of 1', atMost },
      cpuBar(name, cpuMsPerDecision),
    ]
  })
  return { results, bars }
}

function benchWorlds(quick: boolean, say: BenchOptions['say']) {
  const reached = quick ? horizons.slice(0, 2) : horizons
  const results = Object.keys(worlds).flatMap(name => {
    const environment = openEnvironment('recogym', { world: join(data, 'recogym', `${name}.json`) })
    return bakeEnvironment(environment, reached.at(-1)!, { explorers, seeds: quick ? 3 : 20, say })
  })
  const bars = results.flatMap(({ shareOfGap, cpuMsPerDecision }, i): Bar[] => {
    const [name, marks] = Object.entries(worlds)[i]
    const shares = reached.map((horizon, k): Bar => {
      const share = shareOfGap[horizon]
      return {
        name: `${name}: share of the gap at ${horizon} - 2 standard errors`,
        value: share.mean - error(share),
        unit: 'of 1',
        atLeast: marks[k],
      }
    })
    return [...shares, cpuBar(name, cpuMsPerDecision)]
  })
  return { results, bars }
}

function benchJester(quick: boolean, say: BenchOptions['say']) {
  const jester = readJester(join(data, 'jester'))
  const decisions = quick ? 20_000 : 60_000
  // one dimension a joke: what is known of a visit can be told apart
  const overrides = { features: { dimensions: jester.jokes.length } }
  const folds = (quick ? [4] : [0, 1, 2, 3, 4]).map(fold => {
    const score = scoreFold(jester, fold, { decisions, explorer: 'thompson', overrides })
    say(`jester fold ${fold}: popularity ${score.popularity.toFixed(2)}, policy ${score.policy.toFixed(2)}`)
    return score
  })
  const way = spreadOf(folds.map(fold => fold.way))
  const bars: Bar[] = [
    {
      name: 'jester: way from popularity to ridge - 2 standard errors',
      value: way.mean - error(way),
      unit: 'of 1',
      atLeast: 0.5,
    },
    cpuBar('jester', spreadOf(folds.map(fold => fold.cpuMsPerDecision)).mean),
  ]
  return { results: { environment: 'jester', decisions, folds, way }, bars }
}
