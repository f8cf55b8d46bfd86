/**
 * Slates of three out of eight, of which a person takes one or nothing, and what they take changes how they are the next time.
 * A conditional logit with an explicit null (McFadden 1974; Ie et al. 2019, arXiv 1905.12767, section 4.2): at level x = 0 … 7
 *   P(i | slate, x) = exp(u_i) / (exp(u_0(x)) + Σ_j exp(u_j)),   u_0(x) = 3 - 4 x/7, so that who is dissatisfied takes nothing.
 * What is taken earns its worth and, with probability .8, moves x by one: bait down, what is good up. A session starts at any level
 * alike and is observed for 30 decisions, then truncated. J = E[Σ_t .9^t worth_t] over all that would ever be taken, as in long-term.ts.
 *
 * Bait is taken four times as often as what is good beside it, and worth less: an item that is judged by what it earns itself looks
 * best just where it takes most from its neighbours. Who judges each place alone shows three baits and earns little more than chance
 * (test/environments/sequences.test.ts computes it); who judges the slate by its next reward alone gets about six tenths of the way.
 */
import type { Mdp } from '../tabular/mdp.ts'
import type { Environment } from './environment.ts'
import { createLevelWorld, levelsOf, within } from './levels.ts'
import { act } from './visits.ts'

interface Offer {
  readonly id: string
  readonly kind: 'bait' | 'good' | 'plain'
  /** u. */
  readonly appeal: number
  readonly worth: number
  /** Of the level, with probability MOVES. */
  readonly move: -1 | 0 | 1
}

const offers: readonly Offer[] = [
  { id: 'i0', kind: 'bait', appeal: 2, worth: 0.7, move: -1 },
  { id: 'i1', kind: 'bait', appeal: 1.8, worth: 0.7, move: -1 },
  { id: 'i2', kind: 'bait', appeal: 1.6, worth: 0.7, move: -1 },
  { id: 'i3', kind: 'good', appeal: 0.3, worth: 1, move: 1 },
  { id: 'i4', kind: 'good', appeal: 0, worth: 1, move: 1 },
  { id: 'i5', kind: 'good', appeal: -0.3, worth: 1, move: 1 },
  { id: 'i6', kind: 'plain', appeal: 1, worth: 0.6, move: 0 },
  { id: 'i7', kind: 'plain', appeal: 0, worth: 0.8, move: 0 },
]
const SLOTS = 3
const LEVELS = 8
/** γ a decision. */
const DISCOUNT = 0.9
/** Decisions that are observed. */
const OBSERVED = 30
const MOVES = 0.8

const offerOf = (id: string): Offer => offers.find(each => each.id === id)!
const nullAppeal = (level: number): number => 3 - (4 * level) / (LEVELS - 1)

/** Probability that each item of a slate is taken, in its order; what they lack to 1 is the null. */
export function choiceChances(slate: readonly string[], level: number): number[] {
  const weights = slate.map(id => Math.exp(offerOf(id).appeal))
  const total = weights.reduce((sum, weight) => sum + weight, Math.exp(nullAppeal(level)))
  return weights.map(weight => weight / total)
}

export const worthOf = (slate: readonly string[], level: number): number =>
  choiceChances(slate, level).reduce((sum, chance, place) => sum + chance * offerOf(slate[place]).worth, 0)

/** All sets of three. */
const slates: readonly (readonly string[])[] = offers.flatMap((a, i) =>
  offers.slice(i + 1).flatMap((b, j) => offers.slice(i + j + 2).map(c => [a.id, b.id, c.id])),
)

const levels = levelsOf(LEVELS)

const mdp: Mdp = {
  discount: DISCOUNT,
  initial: new Float64Array(LEVELS).fill(1 / LEVELS),
  rewards: levels.map(level => Float64Array.from(slates, slate => worthOf(slate, level))),
  transitions: levels.map(level => slates.map(slate => movesOf(slate, level))),
}

function movesOf(slate: readonly string[], level: number): Float64Array {
  const row = new Float64Array(LEVELS)
  let stays = 1
  choiceChances(slate, level).forEach((chance, place) => {
    row[within(level + offerOf(slate[place]).move, LEVELS)] += MOVES * chance
    stays -= MOVES * chance
  })
  row[level] += stays
  return row
}

export const createSlateChoice = (): Environment =>
  createLevelWorld({
    name: 'slate-choice',
    letter: 'k',
    items: offers,
    mdp,
    slates,
    slots: SLOTS,
    observed: OBSERVED,
    policy: { slateQ: { choices: ['watch'] }, rewards: { watch: { value: 'value' } } },
    step(slate, level, random) {
      const expectedReward = worthOf(slate, level)
      const taken = take(slate, level, random.uniform())
      if (!taken) return { outcomes: [], expectedReward, level }
      const outcomes = [act('watch', taken.id, { value: taken.worth })]
      const moves = random.uniform() < MOVES
      return { outcomes, expectedReward, level: moves ? within(level + taken.move, LEVELS) : level }
    },
  })

/** @param u uniform in [0, 1) @returns undefined: nothing is taken */
function take(slate: readonly string[], level: number, u: number): Offer | undefined {
  let left = u
  for (const [place, chance] of choiceChances(slate, level).entries()) {
    left -= chance
    if (left < 0) return offerOf(slate[place])
  }
  return undefined
}
