/** Position bias: from a log in which bad items mostly stood on top, the part of the pairs of items put in their true order. */
import { createSlates } from '../../src/environments/slates.ts'
import { spreadOf } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { run } from '../../src/evaluation/bakeoff/in-time.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom } from '../../src/state/random.ts'
import { type Part, type PartOptions, range, surelyAtLeast } from './judge.ts'

/** Likings closer than this are no order. */
const APART = 0.04
const SLOTS = 5
const GROUPS = 4

export function benchPosition({ quick, seeds, say }: PartOptions): Part {
  const decisions = quick ? 3000 : 6000
  const runs = range(seeds ?? (quick ? 2 : 10)).map(seed => {
    const [weighed, naive] = [true, false].map(positions => concordance({ decisions, seed, positions }))
    say(`position seed ${seed}: ${weighed.toFixed(3)} in order, naive ${naive.toFixed(3)}`)
    return { seed, weighed, naive }
  })
  const weighed = spreadOf(runs.map(each => each.weighed))
  const naive = spreadOf(runs.map(each => each.naive))
  const bars = [surelyAtLeast('position: pairs in their true order', weighed, 0.95)]
  return { results: { environment: 'slates', decisions, runs, weighed, naive }, bars }
}

interface LogOptions {
  readonly decisions: number
  readonly seed: number
  readonly positions: boolean
}

function concordance({ decisions, seed, positions }: LogOptions): number {
  const environment = createSlates()
  const worstFirst = [...environment.liking].sort((a, b) => a[1] - b[1]).map(([id]) => id)
  const slate = (n: number) => oldRule(worstFirst, seed * decisions + n)
  const options = { environment, decisions, seed, paceMs: 1000, delays: false, positions, publishEvery: 500, slate }
  const { policy, config } = run(options)
  const encoder = createStateEncoder(config)
  const totals = new Map<string, number>()
  for (let g = 0; g < GROUPS; g++) {
    const snapshot = { profile_version: 0, profile: null, history: [], counts: {}, context: { group: `g${g}` } }
    const state = encoder.encode(snapshot, () => undefined)
    const { mean } = policy.scorer(state, { itemIds: worstFirst, vectors: [] })
    worstFirst.forEach((id, i) => void totals.set(id, (totals.get(id) ?? 0) + mean[i]))
  }
  const liking = (id: string): number => environment.liking.get(id)!
  const pairs = worstFirst.flatMap(a => worstFirst.filter(b => liking(a) > liking(b) + APART).map(b => [a, b]))
  return pairs.filter(([a, b]) => totals.get(a)! > totals.get(b)!).length / pairs.length
}

/** A shop's rule: bad items mostly on top, with enough change to learn from. */
function oldRule(worstFirst: readonly string[], n: number): readonly string[] {
  const random = createRandom(n)
  return worstFirst
    .map((id, rank) => [id, rank + 16 * random.uniform()] as const)
    .sort((a, b) => a[1] - b[1])
    .slice(0, SLOTS)
    .map(([id]) => id)
}
