/**
 * What is to be done about a state of an item or of a profile: pure planning. A version is a hash of the content and of
 * the encoder's version, so that the same content never gets two versions, a repeated record costs nothing, and a
 * decision's `item@version` says exactly which content and which encoder its vector came from.
 */
import { createHash } from 'node:crypto'
import type { Item, ItemFeatures, UserFeatures, UserProfile } from '../../schemas/records.ts'
import type { EncoderInput } from './encoder.ts'
import { vectorToBytes } from './store.ts'

/** A state of an item or a profile, and of its vector where it has one. */
export interface Content {
  readonly id: string
  readonly text: string | null
  readonly attributes: Item['attributes']
  readonly available: boolean
  readonly timeMs: number
}

/** The newest thing published about an id. */
export interface Published {
  readonly id: string
  readonly version: number
  readonly encoderVersion: string
  /** Little-endian float32. */
  readonly vector: Buffer
  readonly attributes: Item['attributes']
  readonly available: boolean
  readonly timeMs: number
}

export type Plan =
  /** Known already, or older than what is known. */
  | { readonly act: 'nothing' }
  /** The vector stands; something beside it changed. */
  | { readonly act: 'publish'; readonly published: Published }
  | { readonly act: 'encode'; readonly version: number }

export function plan(content: Content, known: Published | undefined, encoderVersion: string): Plan {
  if (known && content.timeMs < known.timeMs) return { act: 'nothing' }
  const version = contentVersion(content, encoderVersion)
  if (known?.version !== version) return { act: 'encode', version }
  if (known.available === content.available) return { act: 'nothing' }
  return { act: 'publish', published: { ...known, available: content.available, timeMs: content.timeMs } }
}

/** Does the deletion of an item say more than is known? Of a state and a deletion of one time what came last holds. */
export const deletes = (timeMs: number, known: Published): boolean =>
  known.available ? timeMs >= known.timeMs : timeMs > known.timeMs

/** What can be said while there is no new vector: an item that is gone must not be recommended by its old one. */
export function planWhileDown(content: Content, known: Published | undefined): Plan {
  if (known === undefined || known.available === content.available) return { act: 'nothing' }
  return { act: 'publish', published: { ...known, available: content.available } }
}

/** 48 bits of SHA-256 over id, text, attributes by name, and encoder version; never 0, which means "no vector". */
export function contentVersion({ id, text, attributes }: Content, encoderVersion: string): number {
  const byName = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  const hash = createHash('sha256')
    .update(JSON.stringify([id, text, byName, encoderVersion]))
    .digest()
  return hash.readUIntBE(0, 6) || 1
}

export const publishable = (
  content: Content,
  version: number,
  encoderVersion: string,
  vector: Float32Array,
): Published => ({
  id: content.id,
  version,
  encoderVersion,
  vector: vectorToBytes(vector),
  attributes: content.attributes,
  available: content.available,
  timeMs: content.timeMs,
})

/** How the two kinds of thing map to their records. */
export interface Kind<In, Out> {
  readonly what: 'item' | 'user'
  readonly input: 'items' | 'users'
  readonly output: 'features' | 'profiles'
  content(record: In): Content
  /** What the encoder may see. */
  encoderInput(content: Content): EncoderInput
  /** The key that decides the record's partition and compaction. */
  key(published: Published): string
  /** The id that such a key is of. */
  idOf(key: string): string
  record(published: Published): Out
  published(record: Out): Published
}

export const items: Kind<Item, ItemFeatures> = {
  what: 'item',
  input: 'items',
  output: 'features',
  content: ({ item_id, time_ms, ...rest }) => ({ id: item_id, timeMs: time_ms, ...rest }),
  encoderInput: ({ id, text, attributes }) => ({ id, text, attributes }),
  key: ({ id, version }) => `${id}@${version}`,
  idOf: key => key.slice(0, Math.max(0, key.lastIndexOf('@'))),
  record: published => ({
    feature_key: `${published.id}@${published.version}`,
    item_id: published.id,
    feature_version: published.version,
    encoder_version: published.encoderVersion,
    vector: published.vector,
    attributes: published.attributes,
    available: published.available,
    time_ms: published.timeMs,
  }),
  published: record => ({
    id: record.item_id,
    version: record.feature_version,
    encoderVersion: record.encoder_version,
    vector: record.vector,
    attributes: record.attributes,
    available: record.available,
    timeMs: record.time_ms,
  }),
}

/** People are encoded without their id: what is learned must hold for others like them. */
export const users: Kind<UserProfile, UserFeatures> = {
  what: 'user',
  input: 'users',
  output: 'profiles',
  content: ({ user_id, time_ms, ...rest }) => ({ id: user_id, timeMs: time_ms, available: true, ...rest }),
  encoderInput: ({ text, attributes }) => ({ id: '', text, attributes }),
  key: ({ id }) => id,
  idOf: key => key,
  record: published => ({
    user_id: published.id,
    profile_version: published.version,
    encoder_version: published.encoderVersion,
    vector: published.vector,
    attributes: published.attributes,
    time_ms: published.timeMs,
  }),
  published: record => ({
    id: record.user_id,
    version: record.profile_version,
    encoderVersion: record.encoder_version,
    vector: record.vector,
    attributes: record.attributes,
    available: true,
    timeMs: record.time_ms,
  }),
}
