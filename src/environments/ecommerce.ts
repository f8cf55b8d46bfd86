/**
 * A shop. State: what a person bought and browsed before, gender and age band. Actions: a product to show, an advert, or
 * a coupon. Rewards: click, purchase and rating, and a refund as a guard, each by its own probability:
 *   P(click) by fit of item and person; P(purchase | click) by kind, a coupon's high only for who never bought;
 *   a rating 1..5 around the fit for half of the purchases; a refund of some purchases that were a bad fit.
 * People are what they are for the length of a visit, so every rate is exact by enumeration.
 *
 * As sessions, a visit is as long as it is worth it: after each decision the person stays with a probability that what they did
 * about it says (`stay`), so an offer that sells and is sent back costs all that would have been sold later.
 */
import { createRandom, type Random, seedOf } from '../state/random.ts'
import type { Mdp } from '../tabular/mdp.ts'
import type { Act, Environment, Observation } from './environment.ts'
import { finiteRates, finiteReturns } from './finite.ts'
import { drawGroup, exactRates } from './population.ts'
import { act, visitSession } from './visits.ts'

export type Kind = 'product' | 'advert' | 'coupon'
export interface Offer {
  readonly id: string
  readonly kind: Kind
  readonly category: Category
}
export interface Shopper {
  readonly share: number
  readonly gender: 'female' | 'male'
  readonly age: 'young' | 'middle' | 'old'
  /** The category that is browsed. */
  readonly interest: Category
  readonly bought: boolean
}

const categories = ['books', 'garden', 'kitchen', 'sports'] as const
type Category = (typeof categories)[number]
const kinds: readonly Kind[] = ['product', 'product', 'advert', 'coupon']

export const offers: readonly Offer[] = categories.flatMap(category =>
  kinds.map((kind, n) => ({ id: `${kind}-${category}${n === 1 ? '-plus' : ''}`, kind, category })),
)

const shoppers: readonly Omit<Shopper, 'share'>[] = (['female', 'male'] as const).flatMap(gender =>
  (['young', 'middle', 'old'] as const).flatMap(age =>
    categories.flatMap(interest => [true, false].map(bought => ({ gender, age, interest, bought }))),
  ),
)
const population = shoppers.map(each => ({ ...each, share: 1 / shoppers.length }))

/** What a reward is worth; the preset configures the same weights. */
export const worth = { click: 0.1, purchase: 1, rating: 0.1, refund: -1 } as const
const RATED = 0.5

/** Fit of offer and person, [0, 1]. */
function fitOf({ category, kind, id }: Offer, { interest, age, gender }: Omit<Shopper, 'share'>): number {
  const interested = category === interest ? 0.6 : 0.1
  const likesAdverts = kind === 'advert' && age === 'young' ? 0.25 : 0
  const likesPlus = id.endsWith('-plus') === (gender === 'female') && kind === 'product' ? 0.25 : 0
  return interested + likesAdverts + likesPlus
}

export interface Chances {
  readonly click: number
  readonly purchase: number
  /** Mean stars of a rating. */
  readonly stars: number
  /** Of a purchase. */
  readonly refund: number
}

export function chancesOf(offer: Offer, shopper: Omit<Shopper, 'share'>): Chances {
  const fit = fitOf(offer, shopper)
  const click = 0.5 * fit
  const closing = { product: 0.3, advert: 0.1, coupon: shopper.bought ? 0.1 : 0.5 }[offer.kind]
  return { click, purchase: click * closing, stars: 1 + 4 * fit, refund: fit < 0.5 ? 0.3 : 0.05 }
}

export const expectedReward = ({ click, purchase, stars, refund }: Chances): number =>
  worth.click * click + purchase * (worth.purchase + worth.rating * RATED * stars + worth.refund * refund)

/** Probability that a person stays after a refund, else a purchase, else a click, else nothing. */
export const stay = { refund: 0.2, purchase: 0.95, click: 0.9, nothing: 0.8 } as const

export const expectedStay = ({ click, purchase, refund }: Chances): number =>
  purchase * (refund * stay.refund + (1 - refund) * stay.purchase) +
  (click - purchase) * stay.click +
  (1 - click) * stay.nothing

/** Decisions of which a visit has more with a probability below rounding. */
const LONGEST = 500

/** A person is a state that only their leaving ends. */
export function sessionsMdp(): Mdp {
  const chances = population.map(person => offers.map(offer => chancesOf(offer, person)))
  return {
    discount: 1,
    initial: Float64Array.from(population, ({ share }) => share),
    rewards: chances.map(row => Float64Array.from(row, expectedReward)),
    transitions: chances.map((row, person) =>
      row.map(each => new Float64Array(population.length).fill(expectedStay(each), person, person + 1)),
    ),
  }
}

/** The shop whose visits last as long as they are worth it. Optimal is for who knows what a person is interested in. */
export function createEcommerceSessions(): Environment {
  const mdp = sessionsMdp()
  return {
    ...createShop(true),
    name: 'e-commerce sessions',
    preset: { ...preset, policies: [{ ...preset.policies?.[0], gamma: 1 }] },
    rates: () => finiteRates(mdp, LONGEST),
    returns: () => finiteReturns(mdp),
  }
}

export const createEcommerce = (): Environment => createShop(false)

function createShop(stays: boolean): Environment {
  const values = population.map(person => offers.map(offer => expectedReward(chancesOf(offer, person))))
  return {
    name: 'e-commerce',
    preset,
    items: () =>
      offers.map(({ id, kind, category }) => ({
        item_id: id,
        text: `${kind} ${category}`,
        attributes: { kind, category },
        available: true,
        time_ms: 0,
      })),
    rates: () => ({ ...exactRates({ groups: population.map(asGroup) }, values), how: 'enumerated over all people' }),
    session(index, seed) {
      const id = `e${seed}-${index}`
      const random = createRandom(seedOf(`ecommerce/${id}`))
      const group = drawGroup({ groups: population.map(asGroup) }, random)
      const shopper = population[group]
      return visitSession({
        id,
        decisions: stays ? Number.POSITIVE_INFINITY : 1 + Math.floor(4 * random.uniform()),
        context: asGroup(shopper).context,
        candidates: null,
        slots: 1,
        before: past(shopper, random),
        answer([shown]) {
          const item = offers.findIndex(offer => offer.id === shown)
          const outcomes = actsOn(offers[item], shopper, random)
          const leaves = stays && random.uniform() >= stayOf(outcomes)
          return { outcomes, expectedReward: values[group][item], leaves }
        },
      })
    },
  }
}

function stayOf(outcomes: readonly Act[]): number {
  const said = (['refund', 'purchase', 'click'] as const).find(each => outcomes.some(({ type }) => type === each))
  return stay[said ?? 'nothing']
}

const asGroup = ({ share, gender, age, bought }: Shopper): { share: number; context: Observation['context'] } => ({
  share,
  context: { gender, age, bought },
})

/** Browsing of the category of interest, and a purchase for who bought before. */
function past({ interest, bought }: Shopper, random: Random): Act[] {
  const browsed = offers.filter(({ category, kind }) => category === interest && kind === 'product')
  const any = () => browsed[Math.floor(random.uniform() * browsed.length)].id
  const views = Array.from({ length: 3 }, () => act('view', any()))
  return bought ? [act('purchase', any(), { value: 20 }), ...views] : views
}

function actsOn(offer: Offer, shopper: Shopper, random: Random): Act[] {
  const { click, purchase, stars, refund } = chancesOf(offer, shopper)
  const acts: Act[] = []
  const clicked = random.uniform() < click
  if (clicked) acts.push(act('click', offer.id))
  if (clicked && random.uniform() < purchase / click) {
    acts.push(act('purchase', offer.id))
    const low = Math.floor(stars)
    const value = random.uniform() < stars - low ? low + 1 : low
    if (random.uniform() < RATED) acts.push(act('rating', offer.id, { value: Math.min(5, value) }))
    if (random.uniform() < refund) acts.push(act('refund', offer.id))
  }
  return acts
}

/** History: the mean of what was browsed and bought says the interest. */
const preset: Environment['preset'] = {
  features: { encoder: 'hashed', dimensions: 16 },
  state: { blocks: ['history', 'context'], historyLength: 4, typeWeights: { view: 1 }, contextDimensions: 24 },
  policies: [
    {
      rewards: {
        click: { weight: worth.click },
        purchase: { weight: worth.purchase },
        rating: { value: 'value', weight: worth.rating },
        refund: { weight: worth.refund },
      },
    },
  ],
}
