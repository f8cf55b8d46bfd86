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

/** Levels are means over the seeds before a fold's way is taken: ridge and popularity are .1 to .6 apart, and ten redraws of the known
 * ratings move either by as much. The error is that over the folds. */
export function benchFolds({ data, quick, seeds, say }: PartOptions): Part {
  const jester = readJester(join(data, 'jester'))
  const decisions = quick ? 20_000 : 60_000
  const folds = (quick ? [4] : [0, 1, 2, 3, 4]).map(fold => {
    const scores = range(seeds ?? (quick ? 1 : 3)).map(seed =>
      scoreFold(jester, fold, { seed, decisions, explorer: 'thompson', overrides: described(jester) }),
    )
    const meanOf = (figure: keyof FoldScore): number => spreadOf(scores.map(score => score[figure])).mean
    const [popularity, policy, ridge] = (['popularity', 'policy', 'ridge'] as const).map(meanOf)
    const way = (policy - popularity) / (ridge - popularity)
    say(`jester fold ${fold}: popularity ${popularity.toFixed(2)}, policy ${policy.toFixed(2)}, way ${way.toFixed(2)}`)
    return { fold, popularity, policy, ridge, way, cpuMsPerDecision: meanOf('cpuMsPerDecision'), scores }
  })
  const way = spreadOf(folds.map(fold => fold.way))
  const cpu = spreadOf(folds.map(fold => fold.cpuMsPerDecision)).mean
  const bars = [surelyAtLeast('jester: way from popularity to ridge', way, 0.5), cpuBar('jester', cpu)]
  return { results: { environment: 'jester', decisions, folds, way }, bars }
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
