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
import type { Item } from '../../schemas/records.ts'
import { createRandom, seedOf } from '../state/random.ts'
import type { Mdp } from '../tabular/mdp.ts'
import type { Environment, Observation } from './environment.ts'
import { finiteRates, finiteReturns } from './finite.ts'
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

const within = (level: number): number => Math.min(LEVELS - 1, Math.max(0, level))

/** All sets of three. */
const slates: readonly (readonly string[])[] = offers.flatMap((a, i) =>
  offers.slice(i + 1).flatMap((b, j) => offers.slice(i + j + 2).map(c => [a.id, b.id, c.id])),
)

const levels = Array.from({ length: LEVELS }, (_, level) => level)

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
    row[within(level + offerOf(slate[place]).move)] += MOVES * chance
    stays -= MOVES * chance
  })
  row[level] += stays
  return row
}

const observe = (level: number, done = false): Observation => ({
  organic: [],
  candidates: null,
  context: { satisfaction: (2 * level) / (LEVELS - 1) - 1 },
  slots: SLOTS,
  done,
})

export function createSlateChoice(): Environment {
  return {
    name: 'slate-choice',
    preset,
    items: () => offers.map(itemOf),
    discount: DISCOUNT,
    rates: () => finiteRates(mdp, OBSERVED),
    returns: () => finiteReturns(mdp),
    finite: { mdp, slates, observe },
    session(index, seed) {
      const id = `k${seed}-${index}`
      const random = createRandom(seedOf(`slate-choice/${id}`))
      let level = Math.floor(LEVELS * random.uniform())
      let left = OBSERVED
      return {
        userId: `u${id}`,
        sessionId: id,
        reset: () => observe(level),
        step(slate) {
          const expectedReward = worthOf(slate, level)
          const taken = take(slate, level, random.uniform())
          if (taken && random.uniform() < MOVES) level = within(level + taken.move)
          const outcomes = taken ? [act('watch', taken.id, { value: taken.worth })] : []
          return { outcomes, expectedReward, next: observe(level, --left === 0) }
        },
      }
    },
  }
}

/** @param u uniform in [0, 1) @returns undefined: nothing is taken */
function take(slate: readonly string[], level: number, u: number): Offer | undefined {
  let left = u
  for (const [place, chance] of choiceChances(slate, level).entries()) {
    left -= chance
    if (left < 0) return offerOf(slate[place])
  }
  return undefined
}

const itemOf = ({ id, kind }: Offer): Item => ({
  item_id: id,
  text: null,
  attributes: { kind },
  available: true,
  time_ms: 0,
})

const preset: Environment['preset'] = {
  features: { encoder: 'hashed', dimensions: 8 },
  state: { blocks: ['numbers'], numbers: ['satisfaction'], historyLength: 0 },
  policies: [{ slateQ: { choices: ['watch'] }, rewards: { watch: { value: 'value' } }, gamma: DISCOUNT }],
}
