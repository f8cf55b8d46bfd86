/** E4: share of the gap between random choice and the oracle in two RecoGym worlds, in the last tenth up to each horizon. What
 * needs no context stands beside: random, the best fixed product, popularity of the person's views. */
import { join } from 'node:path'
import { shareOfGap } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { bakeEnvironment } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { cpuBar, type Part, type PartOptions, surelyAtLeast } from './judge.ts'

const marks = {
  'p10-flips5-seed60': [0.42, 0.55, 0.8, 0.92],
  'p20-flips10-seed58': [0.3, 0.48, 0.62, 0.75],
}
const horizons = [10_000, 30_000, 100_000, 200_000]

export function benchWorlds({ data, seeds, quick, say }: PartOptions): Part {
  const reached = quick ? horizons.slice(0, 2) : horizons
  const options = { explorers: ['thompson'] as const, seeds: seeds ?? (quick ? 3 : 20), say }
  const parts = Object.entries(marks).map(([name, atLeast]) => {
    const environment = openEnvironment('recogym', { world: join(data, 'recogym', `${name}.json`) })
    const [learned] = bakeEnvironment(environment, reached.at(-1)!, options)
    // by nothing but a bias: Thompson sampling over the products
    const contextFree = { state: { blocks: [] } }
    const [blind] = bakeEnvironment(environment, reached.at(-1)!, { ...options, overrides: contextFree })
    const rates = environment.rates()
    const beside = {
      bestFixed: shareOfGap(rates.bestFixed, rates),
      popularity: rates.popularity === undefined ? undefined : shareOfGap(rates.popularity, rates),
      contextFree: blind.shareOfGap,
    }
    const bars = reached.map((horizon, i) =>
      surelyAtLeast(`${name}: share of the gap at ${horizon}`, learned.shareOfGap[horizon], atLeast[i]),
    )
    return { result: { ...learned, beside }, bars: [...bars, cpuBar(name, learned.cpuMsPerDecision)] }
  })
  return { results: parts.map(({ result }) => result), bars: parts.flatMap(({ bars }) => bars) }
}
