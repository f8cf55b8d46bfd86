/**
 * Jester as a benchmark: learn on 800 people, score greedily on the 200 others, five folds in file order, 10 redraws of
 * the known ratings a scored person. The levels of the folds differ, so the score is the part of the way from popularity
 * (the training people's mean ratings) to ridge regression on full information (all 80 ratings of every training visit).
 */
import type { ConfigInput, ExplorerConfig } from '../../config.ts'
import { createJester, type JesterData, KNOWN, visit } from '../../environments/jester.ts'
import {
  addOuter,
  addScaled,
  cholesky,
  dot,
  packedLength,
  solveLower,
  solveUpper,
} from '../../learner/linear/matrix.ts'
import { createRandom, seedOf } from '../../state/random.ts'
import { configFor } from './bakeoff.ts'
import { play } from './play.ts'

export interface FoldScore {
  readonly fold: number
  readonly seed: number
  readonly popularity: number
  /** The best of the ridges tried: the hardest mark. */
  readonly ridge: number
  readonly policy: number
  /** (policy - popularity) / (ridge - popularity). */
  readonly way: number
  readonly cpuMsPerDecision: number
}

export interface FoldOptions {
  /** From 1; of the visits, the policy's choices and the redraws. */
  readonly seed: number
  readonly decisions: number
  readonly explorer: ExplorerConfig['name']
  readonly overrides?: ConfigInput
}

const FOLDS = 5
const REDRAWS = 10
const LAMBDAS = [10, 50, 200]

export function scoreFold(data: JesterData, fold: number, options: FoldOptions): FoldScore {
  const { decisions, explorer, overrides } = options
  const size = Math.floor(data.ratings.length / FOLDS)
  const scored = data.ratings.slice(fold * size, (fold + 1) * size)
  const learned = data.ratings.filter((_, i) => i < fold * size || i >= (fold + 1) * size)
  const environment = createJester({ ...data, ratings: learned })
  const seed = FOLDS * (options.seed - 1) + fold + 1
  const learning = play({ environment, config: configFor(environment, explorer, overrides), decisions, seed })
  const others = createJester({ ...data, ratings: scored }, { inTurn: true })
  const greedy = configFor(environment, 'greedy', overrides)
  const visits = { environment: others, config: greedy, decisions: REDRAWS * scored.length, seed }
  const policy = mean(play({ ...visits, frozen: learning.policy }).rewards)
  const marks = referenceScores(learned, scored, seed)
  const way = (policy - marks.popularity) / (marks.ridge - marks.popularity)
  return { fold, seed: options.seed, ...marks, policy, way, cpuMsPerDecision: learning.cpuMs / decisions }
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** What is known of a visit: 1, then the known ratings in their places, 0 elsewhere. */
function known(person: Float64Array, order: readonly number[]): Float64Array {
  const x = new Float64Array(person.length + 1)
  x[0] = 1
  for (const joke of order.slice(0, KNOWN)) x[joke + 1] = person[joke]
  return x
}

function referenceScores(learned: readonly Float64Array[], scored: readonly Float64Array[], seed: number) {
  const ridges = fitRidges(learned, seed)
  const means = Float64Array.from(learned[0], (_, joke) => mean(Float64Array.from(learned, person => person[joke])))
  const score = (worth: (x: Float64Array, joke: number) => number): number => {
    let sum = 0
    for (let n = 0; n < REDRAWS * scored.length; n++) {
      const people = [scored[n % scored.length]]
      const { person, order } = visit(createRandom(seedOf(`jester/v${seed}-${n}`)), people)
      const x = known(person, order)
      const values = order.slice(KNOWN).map(joke => worth(x, joke))
      sum += person[order[KNOWN + values.indexOf(Math.max(...values))]]
    }
    return sum / (REDRAWS * scored.length)
  }
  return {
    popularity: score((_, joke) => means[joke]),
    ridge: Math.max(...ridges.map(thetas => score((x, joke) => dot(thetas[joke], x)))),
  }
}

/** For each λ one regression a joke, on every training visit that does not know the joke. */
function fitRidges(learned: readonly Float64Array[], seed: number): Float64Array[][] {
  const jokes = learned[0].length
  const d = jokes + 1
  const a = Array.from({ length: jokes }, () => new Float64Array(packedLength(d)))
  const b = Array.from({ length: jokes }, () => new Float64Array(d))
  for (let n = 0; n < REDRAWS * learned.length; n++) {
    const { person, order } = visit(createRandom(seedOf(`ridge/${seed}-${n}`)), [learned[n % learned.length]])
    const x = known(person, order)
    for (const joke of order.slice(KNOWN)) {
      addOuter(a[joke], x, 1)
      addScaled(b[joke], x, person[joke])
    }
  }
  const factor = new Float64Array(packedLength(d))
  return LAMBDAS.map(lambda =>
    b.map((sums, joke) => {
      const theta = new Float64Array(d)
      cholesky(a[joke], d, 1, lambda, factor)
      solveLower(factor, sums, theta)
      solveUpper(factor, theta, theta)
      return theta
    }),
  )
}
