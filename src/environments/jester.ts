/**
 * Jester (Goldberg et al.): real people's ratings of 100 jokes, -10 to 10; everyone here rated every joke, so each
 * recommendation gets that person's true answer. A visit: 20 random jokes' ratings are known (organic `rating` events),
 * one of the other 80 is to be recommended, the reward is the person's rating of it. Every visit is a new user id: what
 * is known must be the 20 of this visit, or people would be remembered instead of understood.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { FeedloopError } from '../errors.ts'
import { createRandom, type Random, seedOf } from '../state/random.ts'
import type { Act, Environment, Observation, Rates } from './environment.ts'

export const KNOWN = 20

export interface JesterData {
  readonly jokes: readonly { readonly id: string; readonly text: string }[]
  /** One row a person, one rating a joke. */
  readonly ratings: readonly Float64Array[]
}

/** @param folder with ratings.csv (user_id, joke_0 …) and jokes.csv (joke_id, text)
 * @throws FeedloopError DATA_MISSING */
export function readJester(folder: string): JesterData {
  const jokes = readCsv(join(folder, 'jokes.csv')).map(row => ({ id: row.joke_id, text: row.text }))
  const ratings = readCsv(join(folder, 'ratings.csv')).map(row =>
    Float64Array.from(jokes, joke => Number(row[joke.id])),
  )
  if (jokes.length <= KNOWN || ratings.length === 0)
    throw new FeedloopError('DATA_MISSING', `${folder}: too little data`)
  const bad = ratings.findIndex(row => !row.every(Number.isFinite))
  if (bad >= 0)
    throw new FeedloopError('DATA_MISSING', `${folder}/ratings.csv: person ${bad + 1} has no number for a joke`)
  return { jokes, ratings }
}

function readCsv(file: string): Record<string, string>[] {
  try {
    return parse(readFileSync(file), { columns: true, skip_empty_lines: true })
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
}

export interface JesterOptions {
  /** The people come one after another, over and over, instead of at random. */
  readonly inTurn?: boolean
  /** Session from which every fifth joke is on offer, and rated by people; until then nobody knows it. Default 0. */
  readonly newFrom?: number
  /** False: jokes are known by id only. Default true. */
  readonly texts?: boolean
}

const isNew = (joke: number): boolean => joke % 5 === 4

export function createJester(
  { jokes, ratings }: JesterData,
  { inTurn = false, newFrom = 0, texts = true }: JesterOptions = {},
): Environment {
  let rates: Rates | undefined
  const indexOf = new Map(jokes.map((joke, i) => [joke.id, i]))
  return {
    name: 'jester',
    preset,
    items: () =>
      jokes.map(({ id, text }) => ({
        item_id: id,
        text: texts ? text : null,
        attributes: {},
        available: true,
        time_ms: 0,
      })),
    rates() {
      rates ??= computeRates(ratings, 200_000)
      return rates
    },
    session(index, seed) {
      const id = `v${seed}-${index}`
      const people = inTurn ? [ratings[index % ratings.length]] : ratings
      const { person, order: all } = visit(createRandom(seedOf(`jester/${id}`)), people)
      const order = index < newFrom ? all.filter(joke => !isNew(joke)) : all
      const rated = (joke: number): Act => ({ type: 'rating', itemId: jokes[joke].id, value: person[joke], delayMs: 0 })
      const observe = (organic: readonly Act[], done: boolean): Observation => ({
        organic,
        candidates: order.slice(KNOWN).map(joke => jokes[joke].id),
        context: {},
        slots: 1,
        done,
      })
      return {
        userId: `u${id}`,
        sessionId: id,
        reset: () => observe(order.slice(0, KNOWN).map(rated), false),
        step([shown]) {
          const joke = indexOf.get(shown)!
          return { outcomes: [rated(joke)], expectedReward: person[joke], next: observe([], true) }
        },
      }
    },
  }
}

/** A random person and the jokes in random order: the first 20 are known, the others are candidates. */
export function visit(random: Random, ratings: readonly Float64Array[]): { person: Float64Array; order: number[] } {
  const person = ratings[Math.floor(random.uniform() * ratings.length)]
  const order = Array.from(person, (_, joke) => joke)
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1))
    const swapped = order[i]
    order[i] = order[j]
    order[j] = swapped
  }
  return { person, order }
}

/** The known ratings as one mean of item vectors weighted by them. The scale is measured: at 5 the slopes are shrunk too
 * little and 40,000 decisions end below popularity, at 15 above. */
const preset: Environment['preset'] = {
  features: { encoder: 'hashed', dimensions: 16 },
  state: { blocks: ['values'], historyLength: 20, typeWeights: { rating: 1 }, valueScale: 15 },
  policies: [
    {
      algorithm: 'linear-gaussian',
      rewards: { rating: { value: 'value' } },
      explorer: { name: 'thompson' },
    },
  ],
}

/** Popularity is the mean rating over all people, the same for every visit; the best fixed joke is not always among the
 * candidates, so that a fixed choice is popularity's order, too. */
function computeRates(ratings: readonly Float64Array[], visits: number): Rates {
  const random = createRandom(seedOf('rates/1'))
  const means = Float64Array.from(
    ratings[0],
    (_, joke) => ratings.reduce((sum, row) => sum + row[joke], 0) / ratings.length,
  )
  const sums = { random: 0, popularity: 0, oracle: 0 }
  for (let n = 0; n < visits; n++) {
    const { person, order } = visit(random, ratings)
    const candidates = order.slice(KNOWN)
    const popular = candidates.reduce((best, joke) => (means[joke] > means[best] ? joke : best))
    sums.random += candidates.reduce((sum, joke) => sum + person[joke], 0) / candidates.length
    sums.popularity += person[popular]
    sums.oracle += Math.max(...candidates.map(joke => person[joke]))
  }
  return {
    random: sums.random / visits,
    bestFixed: sums.popularity / visits,
    popularity: sums.popularity / visits,
    oracle: sums.oracle / visits,
    how: `means of the true rating over ${visits} random visits, seed 1; bestFixed is popularity's order`,
  }
}
