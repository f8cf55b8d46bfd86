/** E5: the way from popularity to ridge regression on full information, by fold; and what texts are worth when jokes are new. */
import { join } from 'node:path'
import type { ConfigInput } from '../../src/config.ts'
import { createJester, type JesterData, readJester } from '../../src/environments/jester.ts'
import { configFor, spreadOf } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { type FoldScore, scoreFold } from '../../src/evaluation/bakeoff/jester-folds.ts'
import { type Play, play } from '../../src/evaluation/bakeoff/play.ts'
import { cpuBar, type Part, type PartOptions, range, surelyAtLeast } from './judge.ts'

/** One dimension a joke: what is known of a visit can be told apart. */
const described = ({ jokes }: JesterData): ConfigInput => ({ features: { dimensions: jokes.length } })

/** Folds are given, seeds are drawn: a seed's score is the mean of its five folds, and the error is that over seeds. The gaps of two
 * folds are a third of the others', so the spread over folds says how unlike they are. */
export function benchFolds({ data, quick, seeds, say }: PartOptions): Part {
  const jester = readJester(join(data, 'jester'))
  const decisions = quick ? 20_000 : 60_000
  const chosen = quick ? [4] : [0, 1, 2, 3, 4]
  const runs = range(seeds ?? (quick ? 1 : 5)).map(seed =>
    chosen.map(fold => {
      const options = { seed, decisions, explorer: 'thompson', overrides: described(jester) } as const
      const score = scoreFold(jester, fold, options)
      const { popularity, ridge, policy } = score
      say(
        `jester seed ${seed} fold ${fold}: popularity ${popularity.toFixed(2)}, policy ${policy.toFixed(2)}, ridge ${ridge.toFixed(2)}`,
      )
      return score
    }),
  )
  const meanOf = (scores: readonly FoldScore[], figure: Exclude<keyof FoldScore, 'fold' | 'seed'>): number =>
    spreadOf(scores.map(score => score[figure])).mean
  const way = spreadOf(runs.map(scores => meanOf(scores, 'way')))
  const folds = chosen.map((fold, i) => {
    const own = runs.map(scores => scores[i])
    const [popularity, policy, ridge] = (['popularity', 'policy', 'ridge'] as const).map(level => meanOf(own, level))
    return { fold, popularity, policy, ridge, way: spreadOf(own.map(score => score.way)) }
  })
  const bars = [
    surelyAtLeast('jester: way from popularity to ridge', way, 0.5),
    cpuBar('jester', meanOf(runs.flat(), 'cpuMsPerDecision')),
  ]
  return { results: { environment: 'jester', decisions, runs, folds, way }, bars }
}

/** When the new jokes come: the others have been shown some forty times each. */
const NEW_FROM = 3000
/** Decisions from then on whose regret is compared: a hundred a new joke. */
const WINDOW = 2000

/**
 * Every fifth joke comes in mid-stream. Both sides learn the same past, that of the run by ids, from their own features, then go on
 * with the same visits and random numbers: what differs is what the texts say of the new jokes, so the difference of the rewards
 * is that of the regrets. With a past of their own the runs differ by .2 before any new joke is there.
 */
export function benchColdStart({ data, quick, seeds, say }: PartOptions): Part {
  const jester = readJester(join(data, 'jester'))
  const runs = range(seeds ?? (quick ? 4 : 40)).map(seed => {
    const from = (texts: boolean, past?: readonly string[]) => {
      const environment = createJester(jester, { newFrom: NEW_FROM, texts })
      const config = configFor(environment, 'thompson', described(jester))
      return play({ environment, config, decisions: NEW_FROM + WINDOW, seed, past })
    }
    const ids = from(false)
    const after = ({ rewards }: Play): number => spreadOf([...rewards.subarray(NEW_FROM)]).mean
    const [idsOnly, withTexts] = [ids, from(true, ids.shown.slice(0, NEW_FROM))].map(after)
    say(`cold start seed ${seed}: ${withTexts.toFixed(3)} with texts, ${idsOnly.toFixed(3)} by ids`)
    return { seed, withTexts, idsOnly }
  })
  const gain = spreadOf(runs.map(({ withTexts, idsOnly }) => withTexts - idsOnly))
  const bar = { ...surelyAtLeast('cold start: regret saved by texts', gain, 0), unit: 'points of rating' }
  return {
    results: { environment: 'jester, 20 new jokes', newFrom: NEW_FROM, decisions: WINDOW, runs, gain },
    bars: [bar],
  }
}
