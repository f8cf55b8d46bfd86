/**
 * Who asks for what: items of 64 dimensions, people with a history, requests that name their candidates. Items are as
 * popular as their rank is small (log-uniform, Zipf's law with exponent 1), so of a request's candidates some have been
 * learned and most have not. Seeded: every contestant and round gets the same.
 */
import type { BehaviorEvent, ItemFeatures, Request } from '../../schemas/records.ts'
import type { ConfigInput } from '../../src/config.ts'
import { vectorToBytes } from '../../src/features/store.ts'
import { createRandom, type Random } from '../../src/state/random.ts'

export const DIMENSIONS = 64
export const USERS = 5000
/** Interactions of each person before the first request. */
export const HISTORY = 20
/** Requests are drawn from so many lists of candidates. */
const LISTS = 512
const HOUR_MS = 3_600_000

/** All else is as shipped. */
export const settingsOf = (prefix: string): ConfigInput => ({
  topics: { prefix },
  features: { dimensions: DIMENSIONS },
})

export const itemName = (index: number): string => `item-${index}`
export const userName = (index: number): string => `user-${index}`

/** Index of an item, the popular ones more often. */
export const popular = (random: Random, items: number): number => Math.floor(items ** random.uniform()) - 1
const below = (random: Random, n: number): number => Math.floor(random.uniform() * n)

/** 48 bits, as versions are: hashes of content. */
const versionOf = (index: number): number => 1 + ((index * 0x5deece66d + 0xb) % (2 ** 48 - 1))

export function* itemFeatures(items: number, timeMs: number): Iterable<ItemFeatures> {
  const random = createRandom(1)
  for (let index = 0; index < items; index++) {
    const vector = Float32Array.from({ length: DIMENSIONS }, () => (random.uniform() - 0.5) / 4)
    yield {
      feature_key: `${itemName(index)}@${versionOf(index)}`,
      item_id: itemName(index),
      feature_version: versionOf(index),
      encoder_version: 'bench',
      vector: vectorToBytes(vector),
      attributes: {},
      available: true,
      time_ms: timeMs,
    }
  }
}

/** What everybody did before, an event a minute. */
export function* pastEvents(items: number, nowMs: number): Iterable<BehaviorEvent> {
  const random = createRandom(2)
  for (let user = 0; user < USERS; user++)
    for (let back = HISTORY; back > 0; back--)
      yield {
        event_id: `${userName(user)}-${back}`,
        user_id: userName(user),
        session_id: null,
        decision_id: null,
        item_id: itemName(popular(random, items)),
        slot: null,
        type: 'click',
        slate_hash: null,
        value: 1,
        time_ms: nowMs - HOUR_MS - back * 60_000,
      }
}

export interface RequestOptions {
  readonly items: number
  readonly candidates: number
  readonly seed: number
  /** 1 when absent. */
  readonly slots?: number
  /** Candidates are the first so many of the catalogue; absent: by popularity. */
  readonly among?: number
}

/** @returns the request of that index, but for its time and deadline */
export function createRequests({ items, candidates, seed, slots = 1, among }: RequestOptions) {
  const random = createRandom(seed)
  const pick = among === undefined ? () => popular(random, items) : () => below(random, among)
  const lists = Array.from({ length: LISTS }, () => distinct(pick, Math.min(candidates, among ?? items)))
  return (id: string, timeMs: number, deadlineMs: number | null): Request => ({
    request_id: id,
    user_id: userName(below(random, USERS)),
    session_id: null,
    policy: 'default',
    time_ms: timeMs,
    deadline_ms: deadlineMs,
    slots,
    context: { device: 'phone', hour: below(random, 24) },
    candidates: lists[below(random, LISTS)],
    baseline: null,
    excluded: null,
    pinned: null,
    deferred: false,
    explain: false,
  })
}

function distinct(pick: () => number, count: number): string[] {
  const taken = new Set<number>()
  while (taken.size < count) taken.add(pick())
  return [...taken].map(itemName)
}
