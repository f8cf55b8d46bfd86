/**
 * Long-term satisfaction, after Choc and Kale of RecSim (Ie et al. 2019, arXiv 1909.04847, section 4), with levels instead of a
 * real number, so that it is solved exactly. How long a person watches anything depends on how satisfied they are:
 *   E[minutes | item, level x] = appeal · 1 / (1 + exp(-10 (x/9 - .4))),   x = 0 … 9, told in the request's context,
 * uniform within half of it either way.
 * Clickbait appeals most and lowers x by two with probability .9; what is wholesome appeals least and raises it by two with .9. A
 * session starts at any level alike and is observed for 30 decisions; then it is truncated: the person goes on, unseen.
 *
 * J = E[Σ_t .9^t minutes_t] over all that the person would ever be shown, not only over what is observed; γ = .9 is a second, and
 * decisions are a second apart. Optimal is to show what is wholesome up to level 7 and clickbait from 8 on: no item is good
 * everywhere, and who takes the most of the next minutes always, or is deaf to x, earns less than chance or little more.
 * (Had people left with probability .1 instead, J would be the same, but of a next value of five nothing would be left once in ten
 * decisions: that noise, and not the choice, would be what there is to learn.)
 */
import type { Mdp } from '../tabular/mdp.ts'
import type { Environment } from './environment.ts'
import { createLevelWorld, levelsOf, within } from './levels.ts'
import { act } from './visits.ts'

interface Offer {
  readonly id: string
  readonly kind: 'clickbait' | 'wholesome'
  readonly appeal: number
  /** Of the level, with probability MOVES. */
  readonly move: -2 | 2
}

const offers: readonly Offer[] = [
  { id: 'i0', kind: 'clickbait', appeal: 0.9, move: -2 },
  { id: 'i1', kind: 'clickbait', appeal: 0.8, move: -2 },
  { id: 'i2', kind: 'wholesome', appeal: 0.4, move: 2 },
  { id: 'i3', kind: 'wholesome', appeal: 0.3, move: 2 },
]
const LEVELS = 10
const MOVES = 0.9
/** γ a decision. */
const DISCOUNT = 0.9
/** Decisions that are observed. */
const OBSERVED = 30

const minutes = ({ appeal }: Offer, level: number): number =>
  appeal / (1 + Math.exp(-10 * (level / (LEVELS - 1) - 0.4)))

const levels = levelsOf(LEVELS)

const mdp: Mdp = {
  discount: DISCOUNT,
  initial: new Float64Array(LEVELS).fill(1 / LEVELS),
  rewards: levels.map(level => Float64Array.from(offers, offer => minutes(offer, level))),
  transitions: levels.map(level =>
    offers.map(({ move }) => {
      const row = new Float64Array(LEVELS)
      row[within(level + move, LEVELS)] += MOVES
      row[level] += 1 - MOVES
      return row
    }),
  ),
}

export const createLongTerm = (): Environment =>
  createLevelWorld({
    name: 'long-term',
    letter: 't',
    items: offers,
    mdp,
    slates: offers.map(({ id }) => [id]),
    slots: 1,
    observed: OBSERVED,
    policy: { rewards: { watch: { value: 'value' } } },
    step([shown], level, random) {
      const offer = offers.find(each => each.id === shown)!
      const expectedReward = minutes(offer, level)
      const outcomes = [act('watch', shown, { value: expectedReward * (0.5 + random.uniform()) })]
      const moves = random.uniform() < MOVES
      return { outcomes, expectedReward, level: moves ? within(level + offer.move, LEVELS) : level }
    },
  })
