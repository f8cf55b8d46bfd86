/**
 * The decisions that both sides learn: 20 of 50 items with 5 features each, 10 features of the person, one item taken at
 * random, a click by chance of person and item. For us a transition, decoded; for Vowpal Wabbit a group of lines in text.
 */
import type { Transition } from '../../schemas/records.ts'
import { createRandom, type Random } from '../../src/state/random.ts'
import { firstRevision } from '../../src/transitions/transition.ts'

export const ACTIONS = 20
/** So many that their blocks fit into a checkpoint of the largest d measured: none is evicted. */
export const ITEMS = 50
const SHARED = 10
const FEATURES = 5
const VALUES = 10
const MS_A_DECISION = 1

export const itemName = (index: number): string => `i${index}`

/** Names like `a3=v7`; an item's first feature is its own name. */
const featureOf = (name: string, index: number, value: number): string => `${name}${index}=v${value}`

export interface Decision {
  readonly shared: readonly string[]
  readonly items: readonly number[]
  readonly taken: number
  readonly click: boolean
}

export function createDecisions(count: number, seed: number): Decision[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => {
    const values = Array.from({ length: SHARED }, () => below(random, VALUES))
    const items = distinct(random, ACTIONS)
    const taken = below(random, ACTIONS)
    const click = random.uniform() < (0.05 * ((items[taken] + values[items[taken] % SHARED]) % VALUES)) / 2
    return { shared: values.map((value, i) => featureOf('u', i, value)), items, taken, click }
  })
}

const below = (random: Random, n: number): number => Math.floor(random.uniform() * n)

function distinct(random: Random, count: number): number[] {
  const items = new Set<number>()
  while (items.size < count) items.add(below(random, ITEMS))
  return [...items]
}

/** What an item is described by: `i7 a1=v3 …`. */
const itemFeatures = (item: number): string[] => [
  itemName(item),
  ...Array.from({ length: FEATURES - 1 }, (_, i) => featureOf('a', i, Math.floor(item / 3 ** i) % VALUES)),
]

const probability = 1 / ACTIONS

/** As `--cb_adf` and `--cb_explore_adf` read it. */
export const toText = ({ shared, items, taken, click }: Decision): string =>
  [
    `shared |U ${shared.join(' ')}`,
    ...items.map(
      (item, i) => `${i === taken ? `0:${click ? -1 : 0}:${probability} ` : ''}|A ${itemFeatures(item).join(' ')}`,
    ),
    '',
  ].join('\n')

/** The one transition of a decision that is closed. */
export function toTransition({ shared, items, taken, click }: Decision, index: number): Transition {
  const timeMs = 1_700_000_000_000 + index * MS_A_DECISION
  const reward: Record<string, number> = click ? { click: 1 } : {}
  return {
    ...firstRevision,
    transition_id: `d${index}/0`,
    decision_id: `d${index}`,
    slot: 0,
    slots: 1,
    policy: 'default',
    user_id: `u${index % 10_000}`,
    session_id: `u${index % 10_000}~d${index}`,
    session_step: 0,
    state: {
      profile_version: 0,
      profile: null,
      history: [],
      counts: {},
      context: Object.fromEntries(shared.map(name => name.split('=') as [string, string])),
    },
    candidates: items.map(item => ({
      item_id: itemName(item),
      feature_version: 1,
      source: 'request',
      inclusion_probability: 1,
    })),
    masked: [],
    action: [itemName(items[taken])],
    propensity: probability,
    first_draw_propensity: probability,
    propensity_kind: 'exact',
    mode: 'online',
    chosen_by: 'policy',
    delta: reward,
    cumulative: reward,
    model_version: '000000000001',
    weight: 1,
    decision_time_ms: timeMs,
    reward_time_ms: click ? timeMs + 1 : null,
    emitted_time_ms: timeMs + 2,
  }
}
