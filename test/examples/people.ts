/** Small made-up populations of the fields under examples/: who they are, what they are offered, what they do about it. */
import type { Act, Environment } from '../../src/environments/environment.ts'
import { act, visitSession } from '../../src/environments/visits.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'

/** Probability, and the value where the event has one, by event type. */
export type Doings = Readonly<Record<string, readonly [probability: number, value?: number]>>

export interface Field {
  /** What is told of each of the equally large groups. */
  readonly contexts: readonly Readonly<Record<string, string | number | boolean>>[]
  readonly items: readonly string[]
  /** What people of a group do when shown what suits them, and when shown anything else. */
  readonly suited: Doings
  readonly other: Doings
  /** Types that must become rarer as the policy learns. */
  readonly guards: readonly string[]
}

export const suits = (field: Field, group: number, item: string): boolean =>
  field.items.indexOf(item) === group % field.items.length

/** Scalar reward that the doings are worth, by what one event of a type is worth. */
export const worthOf = (doings: Doings, worth: (type: string, value: number) => number): number =>
  Object.entries(doings).reduce((sum, [type, [probability, value = 1]]) => sum + probability * worth(type, value), 0)

export interface FieldWorld extends Environment {
  /** Acts of the guards' types, by decision. */
  readonly guarded: number[]
}

export function createField(name: string, field: Field, worth: (type: string, value: number) => number): FieldWorld {
  const guarded: number[] = []
  const values = [worthOf(field.other, worth), worthOf(field.suited, worth)]
  const random = values[0] + (values[1] - values[0]) / field.items.length
  return {
    name,
    guarded,
    preset: {},
    items: () => field.items.map(item_id => ({ item_id, text: item_id, attributes: {}, available: true, time_ms: 0 })),
    rates: () => ({ random, bestFixed: random, oracle: values[1], how: 'by hand' }),
    session(index, seed) {
      const chance = createRandom(seedOf(`${name}/${seed}/${index}`))
      const group = Math.floor(chance.uniform() * field.contexts.length)
      return visitSession({
        id: `${name}${seed}-${index}`,
        decisions: 2,
        context: field.contexts[group],
        candidates: field.items,
        slots: 1,
        answer([shown]) {
          const fits = suits(field, group, shown)
          const outcomes: Act[] = Object.entries(fits ? field.suited : field.other).flatMap(
            ([type, [probability, value = null]]) =>
              chance.uniform() < probability ? [act(type, shown, { value })] : [],
          )
          guarded.push(outcomes.filter(({ type }) => field.guards.includes(type)).length)
          return { outcomes, expectedReward: values[fits ? 1 : 0] }
        },
      })
    },
  }
}

const by = (name: string, values: readonly string[]) => values.map(value => ({ [name]: value }))

export const fields: Readonly<Record<string, Field>> = {
  ecommerce: {
    contexts: [
      { gender: 'f', age: 'young' },
      { gender: 'm', age: 'young' },
      { gender: 'f', age: 'old' },
    ],
    items: ['running shoes', 'advert for music', 'coupon for tea'],
    suited: { click: [0.5], purchase: [0.3], rating: [0.2, 5], refund: [0.01], hide: [0.01] },
    other: { click: [0.2], purchase: [0.05], rating: [0.02, 2], refund: [0.03], hide: [0.1] },
    guards: ['refund', 'hide'],
  },
  content: {
    contexts: by('device', ['phone', 'desk', 'television']),
    items: ['short news', 'long essay', 'film'],
    suited: { click: [0.6], dwell: [0.5, 90], like: [0.2], hide: [0.02], dislike: [0.02] },
    other: { click: [0.5], dwell: [0.4, 5], like: [0.05], hide: [0.1], dislike: [0.15] },
    guards: ['hide', 'dislike'],
  },
  social: {
    contexts: by('for', ['friends', 'news', 'fun']),
    items: ['holiday photos', 'local news', 'cat video'],
    suited: { like: [0.5], comment: [0.2], share: [0.15], hide: [0.02], report: [0.001] },
    other: { like: [0.3], comment: [0.05], share: [0.02], hide: [0.1], report: [0.01] },
    guards: ['hide', 'report'],
  },
  advertising: {
    contexts: by('topic', ['travel', 'cars', 'cooking']),
    items: ['hotel', 'tyres', 'knives'],
    suited: { click: [0.3], purchase: [0.1, 40], hide: [0.01] },
    other: { click: [0.1], purchase: [0.02, 15], hide: [0.15] },
    guards: ['hide'],
  },
  education: {
    contexts: by('level', ['first', 'second', 'third']),
    items: ['sums', 'fractions', 'equations'],
    suited: { solved: [0.6], failed: [0.3], skip: [0.1], dislike: [0.02] },
    other: { solved: [0.2], failed: [0.4], skip: [0.4], dislike: [0.15] },
    guards: ['skip', 'dislike'],
  },
  health: {
    contexts: by('moment', ['morning', 'noon', 'evening']),
    items: ['stretch', 'walk to lunch', 'none'],
    suited: { activity: [0.5], dismiss: [0.1], unsubscribe: [0.0005] },
    other: { activity: [0.2], dismiss: [0.4], unsubscribe: [0.005] },
    guards: ['dismiss', 'unsubscribe'],
  },
  finance: {
    contexts: by('page', ['savings', 'loans', 'cards']),
    items: ['savings plan', 'loan lesson', 'card offer'],
    suited: { open: [0.5], apply: [0.2], hide: [0.02], complaint: [0.0005] },
    other: { open: [0.2], apply: [0.03], hide: [0.15], complaint: [0.002] },
    guards: ['hide', 'complaint'],
  },
}
