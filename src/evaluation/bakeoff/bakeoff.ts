/**
 * The bake-off: every explorer over every learner that it can work with, with the shipped defaults, on the same worlds and
 * seeds. On files the score is the progressive loss of one pass (benchmarks: classification as a bandit); in an environment
 * it is the share of the gap between random choice and the oracle, by the true expected reward of what was shown, in the
 * last tenth of the first 10k, 30k, 100k and 200k decisions. Entrants play one after the other, the default first, and each
 * result is handed out when it is there.
 */
import { type Config, type ConfigInput, type PolicyConfig, parseConfig } from '../../config.ts'
import { merge } from '../../demo/merge.ts'
import { type Environment, shareOfGap } from '../../environments/environment.ts'
import { algorithms } from '../../learner/algorithms.ts'
import type { TensorFlow } from '../../learner/tensorflow.ts'
import { type ExplorerName, explorerNeeds, type Need, parametersOf } from '../../ranker/explorers/schema.ts'
import { type Play, play } from './play.ts'

export interface Entrant {
  readonly learner: PolicyConfig['algorithm']
  readonly explorer: ExplorerName
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
  /** Those that a learner's scores are not enough for do not play over it. */
  readonly explorers: readonly ExplorerName[]
  /** Each explorer plays over all of these; absent: over the first of all learners that is enough for it. */
  readonly learners?: readonly PolicyConfig['algorithm'][]
  /** Laid over the environment's preset, e.g. another prior. */
  readonly overrides?: ConfigInput
  /** For learners that need it (`needsTensorFlow`). */
  readonly tensorflow?: TensorFlow
  /** Called with each result as soon as it is there. */
  readonly onResult?: (result: FileResult | EnvironmentResult) => void
  /** Called after each run of an entrant with the number of its runs so far. */
  readonly progress?: (entrant: Entrant, made: number) => void
  readonly say?: (line: string) => void
}

/** Learners that play without a bus. The two-tower policy learns by batches of a buffer and is left to the live loop. */
export const allLearners: readonly PolicyConfig['algorithm'][] = ['linear-gaussian', 'bagged-linear', 'neural-linear']

export const needsTensorFlow = (entrants: readonly Entrant[]): boolean =>
  entrants.some(({ learner }) => learner === 'neural-linear')

/** The default learner's come first, in the order of the explorers. */
export function entrantsOf({ learners, explorers }: Pick<BakeoffOptions, 'learners' | 'explorers'>): Entrant[] {
  const enough = (learner: Entrant['learner'], explorer: ExplorerName) =>
    (algorithms[learner].offers as readonly Need[]).includes(explorerNeeds[explorer])
  const pairs = (learners ?? allLearners).flatMap(learner =>
    explorers.filter(explorer => enough(learner, explorer)).map(explorer => ({ learner, explorer })),
  )
  if (learners) return pairs
  return pairs.filter(({ explorer }, i) => pairs.findIndex(other => other.explorer === explorer) === i)
}

const HORIZONS = [10_000, 30_000, 100_000, 200_000]

/** The environment's description of its data, under the overrides, with this explorer; of explorer settings in either only
 * those that it takes. */
export function configFor(
  environment: Environment,
  explorer: ExplorerName,
  overrides: ConfigInput = {},
  algorithm: PolicyConfig['algorithm'] = 'linear-gaussian',
): Config {
  const merged = merge(environment.preset, overrides)
  const [policy = {}] = merged.policies ?? []
  const settings = Object.entries(policy.explorer ?? {}).filter(([key]) => parametersOf(explorer).includes(key))
  const chosen = { ...policy, algorithm, explorer: { ...Object.fromEntries(settings), name: explorer } }
  return parseConfig({ ...merged, policies: [chosen] })
}

export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0, seeds: values.length }
}

/** One pass over each shuffle of a file. */
export function bakeFile(environment: Environment, options: BakeoffOptions): FileResult[] {
  const examples = environment.sessions!
  return entrantsOf(options).map(entrant => {
    const plays = playAll(environment, entrant, examples, options)
    const loss = spreadOf(plays.map(({ rewards }) => 1 - mean(rewards)))
    const file = environment.name.replace(/^classification /, '')
    const classes = environment.items().length
    const result = { ...entrant, file, examples, classes, loss, cpuMsPerDecision: cpuOf(plays) }
    options.onResult?.(result)
    return result
  })
}

export function bakeEnvironment(
  environment: Environment,
  decisions: number,
  options: BakeoffOptions,
): EnvironmentResult[] {
  const { random, bestFixed, oracle } = environment.rates()
  const rates = { random, bestFixed, oracle }
  const horizons = [...HORIZONS.filter(horizon => horizon < decisions), decisions]
  return entrantsOf(options).map(entrant => {
    const plays = playAll(environment, entrant, decisions, options)
    const shares = Object.fromEntries(
      horizons.map(horizon => [horizon, spreadOf(plays.map(each => lastTenth(each, horizon, environment)))]),
    )
    const name = environment.name
    const result = { ...entrant, environment: name, shareOfGap: shares, rates, cpuMsPerDecision: cpuOf(plays) }
    options.onResult?.(result)
    return result
  })
}

function playAll(environment: Environment, entrant: Entrant, decisions: number, options: BakeoffOptions): Play[] {
  const { seeds, overrides, tensorflow, progress, say } = options
  const config = configFor(environment, entrant.explorer, overrides, entrant.learner)
  return Array.from({ length: seeds }, (_, i) => {
    const played = play({ environment, config, decisions, seed: i + 1, tensorflow })
    say?.(`  ${entrant.learner} ${entrant.explorer} seed ${i + 1}: mean reward ${mean(played.rewards).toFixed(4)}`)
    progress?.(entrant, i + 1)
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
