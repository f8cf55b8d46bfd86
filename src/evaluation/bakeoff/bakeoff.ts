/**
 * The bake-off: every explorer over the linear-Gaussian learner, with the shipped defaults, on the same worlds and seeds.
 * On files the score is the progressive loss of one pass (benchmarks: classification as a bandit); in an environment it
 * is the share of the gap between random choice and the oracle, by the true expected reward of what was shown, in the
 * last tenth of the first 10k, 30k, 100k and 200k decisions.
 */
import { type Config, type ConfigInput, type ExplorerConfig, parseConfig } from '../../config.ts'
import { merge } from '../../demo/merge.ts'
import { type Environment, shareOfGap } from '../../environments/environment.ts'
import { explorers } from '../../ranker/explorers/named.ts'
import { type Play, play } from './play.ts'

export interface Entrant {
  readonly learner: 'linear-gaussian'
  readonly explorer: ExplorerConfig['name']
}

export interface Spread {
  readonly mean: number
  /** Sample standard deviation over the seeds; 0 for one seed. */
  readonly sd: number
  readonly seeds: number
}

export interface FileResult extends Entrant {
  readonly file: string
  readonly examples: number
  readonly classes: number
  readonly loss: Spread
  readonly cpuMsPerDecision: number
}

export interface EnvironmentResult extends Entrant {
  readonly environment: string
  /** By number of decisions. */
  readonly shareOfGap: Readonly<Record<string, Spread>>
  readonly rates: { readonly random: number; readonly bestFixed: number; readonly oracle: number }
  readonly cpuMsPerDecision: number
}

export interface BakeoffOptions {
  readonly seeds: number
  readonly explorers: readonly ExplorerConfig['name'][]
  /** Laid over the environment's preset, e.g. another prior. */
  readonly overrides?: ConfigInput
  readonly say?: (line: string) => void
}

export const allExplorers = Object.keys(explorers) as ExplorerConfig['name'][]
const HORIZONS = [10_000, 30_000, 100_000, 200_000]

/** The environment's description of its data, under the overrides, with this explorer. */
export function configFor(
  environment: Environment,
  explorer: ExplorerConfig['name'],
  overrides: ConfigInput = {},
): Config {
  const chosen = { policies: [{ explorer: { name: explorer } }] }
  return parseConfig(merge(merge(environment.preset, overrides), chosen))
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0, seeds: values.length }
}

/** One pass over each shuffle of a file. */
export function bakeFile(environment: Environment, options: BakeoffOptions): FileResult[] {
  const examples = environment.sessions!
  return options.explorers.map(explorer => {
    const plays = playAll(environment, explorer, examples, options)
    const loss = spreadOf(plays.map(({ rewards }) => 1 - mean(rewards)))
    options.say?.(`${environment.name} ${explorer}: loss ${loss.mean.toFixed(4)}, sd ${loss.sd.toFixed(4)}`)
    const file = environment.name.replace(/^classification /, '')
    const classes = environment.items().length
    return { learner, explorer, file, examples, classes, loss, cpuMsPerDecision: cpuOf(plays) }
  })
}

export function bakeEnvironment(
  environment: Environment,
  decisions: number,
  options: BakeoffOptions,
): EnvironmentResult[] {
  const { random, bestFixed, oracle } = environment.rates()
  return options.explorers.map(explorer => {
    const plays = playAll(environment, explorer, decisions, options)
    const horizons = [...HORIZONS.filter(horizon => horizon < decisions), decisions]
    const shares = Object.fromEntries(
      horizons.map(horizon => [horizon, spreadOf(plays.map(each => lastTenth(each, horizon, environment)))]),
    )
    const told = horizons.map(horizon => `${shares[horizon].mean.toFixed(3)} at ${horizon}`).join(', ')
    options.say?.(`${environment.name} ${explorer}: share of the gap ${told}`)
    const rates = { random, bestFixed, oracle }
    return {
      learner,
      explorer,
      environment: environment.name,
      shareOfGap: shares,
      rates,
      cpuMsPerDecision: cpuOf(plays),
    }
  })
}

const learner = 'linear-gaussian'

function playAll(
  environment: Environment,
  explorer: ExplorerConfig['name'],
  decisions: number,
  { seeds, overrides, say }: BakeoffOptions,
): Play[] {
  const config = configFor(environment, explorer, overrides)
  return Array.from({ length: seeds }, (_, i) => {
    const played = play({ environment, config, decisions, seed: i + 1 })
    say?.(`  ${explorer} seed ${i + 1}: mean reward ${mean(played.rewards).toFixed(4)}`)
    return played
  })
}

function lastTenth({ rewards }: Play, horizon: number, environment: Environment): number {
  const end = Math.min(horizon, rewards.length)
  return shareOfGap(mean(rewards.subarray(Math.floor(end * 0.9), end)), environment.rates())
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length

const cpuOf = (plays: readonly Play[]): number =>
  plays.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / plays.reduce((sum, { rewards }) => sum + rewards.length, 0)
