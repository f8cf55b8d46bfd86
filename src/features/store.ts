/**
 * What a process knows of the catalogue: every version of every item's vector that the `features` topic still holds,
 * and which is current. Fed by the broadcast reader; read by the ranker (current) and the learner (as logged).
 * Vectors are never changed here, and dropped only when the topic says so: a decision names its versions, and may be
 * learned from much later.
 */
import type { ItemFeatures } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { createRowIndex } from './row-index.ts'
import { createRowLines } from './row-lines.ts'

export interface CatalogueItem {
  readonly itemId: string
  /** The item's place in its store, the same for ever. */
  readonly row: number
  readonly featureVersion: number
  readonly vector: Float32Array
  readonly attributes: ItemFeatures['attributes']
  readonly available: boolean
  readonly timeMs: number
}

export interface FeatureStore {
  current(itemId: string): CatalogueItem | undefined
  /** The vector of exactly that version; undefined when it is not known here. */
  vector(itemId: string, featureVersion: number): Float32Array | undefined
  /** Ids of available items in the order of their first appearance. */
  availableItems(): readonly string[]
  readonly size: number
  /** Items in the order of their first appearance, which never changes: `row` from 0 to `size` - 1. */
  at(row: number): CatalogueItem
  /** -1: there is none. */
  rowOf(itemId: string): number
  rowsOf(itemIds: readonly string[]): Int32Array
  /** Of the current version; what `at` tells, without reading the item: a decision over a thousand waits for memory. */
  versionOf(row: number): number
  isAvailable(row: number): boolean
  vectorOf(row: number): Float32Array
  /** A greater one whenever the row's vector is another: to compare numbers takes no look at the vectors. */
  stampOf(row: number): number
  /** The greatest of all rows: what was looked at when it was the same is as it was. */
  readonly newestStamp: number
  /** The earliest time of the item that was read, ms since the epoch: compaction lets older ones go. */
  firstMs(row: number): number
  /** Told of every row that is there, and from now on of every change. */
  follow(listener: (row: number) => void): void
  /** Feed records in log order: of two with the same time the later one becomes current.
   * @throws FeedloopError RECORD_INVALID when the vector's bytes are not whole finite float32 numbers */
  put(features: ItemFeatures): void
  /** The key was deleted from the topic: an old version's vector goes, a current one when another has taken over. */
  drop(featureKey: string): void
}

/** What is known of an item beside its current version. */
interface Past {
  firstMs: number
  /** Versions besides the current one. */
  others?: Map<number, Float32Array>
  /** Current, and deleted already: by a log that compaction has reordered. */
  dropped?: number
}

export function createFeatureStore(): FeatureStore {
  const lines = createRowLines()
  const index = createRowIndex(lines)
  // the current version itself and not an entry that holds it: a decision over a thousand items looks each up
  const rows: CatalogueItem[] = []
  const vectors: Float32Array[] = []
  let stamp = 0
  const pasts: Past[] = []
  const listeners: ((row: number) => void)[] = []
  let available: readonly string[] | undefined
  const current = (itemId: string): CatalogueItem | undefined => {
    const row = index.find(itemId)
    return row < 0 ? undefined : rows[row]
  }
  const vector = (itemId: string, featureVersion: number): Float32Array | undefined => {
    const row = index.find(itemId)
    if (row < 0) return undefined
    return lines.versionOf(row) === featureVersion ? vectors[row] : pasts[row].others?.get(featureVersion)
  }
  return {
    current,
    vector,
    availableItems() {
      available ??= rows.filter(item => item.available).map(item => item.itemId)
      return available
    },
    get size() {
      return rows.length
    },
    at: row => rows[row],
    rowOf: index.find,
    rowsOf: index.findAll,
    versionOf: lines.versionOf,
    isAvailable: lines.isAvailable,
    vectorOf: row => vectors[row],
    stampOf: lines.stampOf,
    get newestStamp() {
      return stamp
    },
    firstMs: row => pasts[row].firstMs,
    follow(listener) {
      rows.forEach((_, row) => void listener(row))
      listeners.push(listener)
    },
    put(features) {
      const before = current(features.item_id)
      const item = toItem(features, before?.row ?? rows.length, vector(features.item_id, features.feature_version))
      const row = index.put(item.itemId)
      if (before === undefined) pasts.push({ firstMs: item.timeMs })
      rows[row] = before === undefined ? item : newer(before, item, pasts[row])
      const { available: isAvailable, featureVersion, vector: now } = rows[row]
      lines.set(row, isAvailable, featureVersion, vectors[row] === now ? lines.stampOf(row) : ++stamp)
      vectors[row] = now
      available = undefined
      for (const listener of listeners) listener(row)
    },
    drop(featureKey) {
      const at = featureKey.lastIndexOf('@')
      const item = current(featureKey.slice(0, Math.max(0, at)))
      if (item === undefined) return
      const version = Number(featureKey.slice(at + 1))
      const past = pasts[item.row]
      if (item.featureVersion === version) past.dropped = version
      else past.others?.delete(version)
    },
  }
}

/** @returns which of both is current from now on; the other's vector is kept with the past */
function newer(current: CatalogueItem, item: CatalogueItem, past: Past): CatalogueItem {
  past.firstMs = Math.min(past.firstMs, item.timeMs)
  const [kept, older] = item.timeMs < current.timeMs ? [current, item] : [item, current]
  if (item.featureVersion === past.dropped) past.dropped = undefined
  if (older.featureVersion === kept.featureVersion) return kept
  past.others ??= new Map()
  past.others.delete(kept.featureVersion)
  if (older.featureVersion !== past.dropped) past.others.set(older.featureVersion, older.vector)
  else past.dropped = undefined
  return kept
}

/** A version's vector never changes, so the one already held is kept: readers may compare or cache by identity. */
const toItem = (features: ItemFeatures, row: number, held: Float32Array | undefined): CatalogueItem => ({
  itemId: features.item_id,
  row,
  featureVersion: features.feature_version,
  vector: held ?? bytesToVector(features.vector),
  attributes: features.attributes,
  available: features.available,
  timeMs: features.time_ms,
})

/** Little-endian float32 as records carry it. @throws FeedloopError RECORD_INVALID */
export function bytesToVector(bytes: Buffer): Float32Array {
  if (bytes.length % 4 !== 0) throw new FeedloopError('RECORD_INVALID', `vector: ${bytes.length} bytes are not float32`)
  const vector = new Float32Array(bytes.length / 4)
  for (let i = 0; i < vector.length; i++) {
    vector[i] = bytes.readFloatLE(4 * i)
    if (!Number.isFinite(vector[i])) throw new FeedloopError('RECORD_INVALID', `vector: element ${i} is not finite`)
  }
  return vector
}

export function vectorToBytes(vector: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 * vector.length)
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i], 4 * i)
  return bytes
}
