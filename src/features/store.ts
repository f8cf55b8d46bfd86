/**
 * What a process knows of the catalogue: every version of every item's vector that the `features` topic still holds,
 * and which is current. Fed by the broadcast reader; read by the ranker (current) and the learner (as logged).
 * Vectors are never changed here, and dropped only when the topic says so: a decision names its versions, and may be
 * learned from much later.
 */
import type { ItemFeatures } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'

export interface CatalogueItem {
  readonly itemId: string
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
  rowOf(itemId: string): number | undefined
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

interface Entry {
  readonly row: number
  firstMs: number
  current: CatalogueItem
  /** Versions besides the current one. */
  others?: Map<number, Float32Array>
  /** Current, and deleted already: by a log that compaction has reordered. */
  dropped?: number
}

export function createFeatureStore(): FeatureStore {
  const entries = new Map<string, Entry>()
  const rows: Entry[] = []
  const listeners: ((row: number) => void)[] = []
  let available: readonly string[] | undefined
  const vector = (itemId: string, featureVersion: number): Float32Array | undefined => {
    const entry = entries.get(itemId)
    if (entry === undefined) return undefined
    return entry.current.featureVersion === featureVersion ? entry.current.vector : entry.others?.get(featureVersion)
  }
  return {
    current: itemId => entries.get(itemId)?.current,
    vector,
    availableItems() {
      available ??= [...entries.values()].filter(entry => entry.current.available).map(entry => entry.current.itemId)
      return available
    },
    get size() {
      return entries.size
    },
    at: row => rows[row].current,
    rowOf: itemId => entries.get(itemId)?.row,
    firstMs: row => rows[row].firstMs,
    follow(listener) {
      rows.forEach((_, row) => void listener(row))
      listeners.push(listener)
    },
    put(features) {
      const item = toItem(features, vector(features.item_id, features.feature_version))
      let entry = entries.get(item.itemId)
      if (entry === undefined) {
        entry = { row: rows.length, firstMs: item.timeMs, current: item }
        rows.push(entry)
        entries.set(item.itemId, entry)
      } else replace(entry, item)
      available = undefined
      for (const listener of listeners) listener(entry.row)
    },
    drop(featureKey) {
      const at = featureKey.lastIndexOf('@')
      const entry = entries.get(featureKey.slice(0, Math.max(0, at)))
      const version = Number(featureKey.slice(at + 1))
      if (entry?.current.featureVersion === version) entry.dropped = version
      else entry?.others?.delete(version)
    },
  }
}

function replace(entry: Entry, item: CatalogueItem): void {
  entry.firstMs = Math.min(entry.firstMs, item.timeMs)
  const older = item.timeMs < entry.current.timeMs ? item : entry.current
  if (older !== item) entry.current = item
  if (item.featureVersion === entry.dropped) entry.dropped = undefined
  if (older.featureVersion === entry.current.featureVersion) return
  entry.others ??= new Map()
  entry.others.delete(entry.current.featureVersion)
  if (older.featureVersion !== entry.dropped) entry.others.set(older.featureVersion, older.vector)
  else entry.dropped = undefined
}

/** A version's vector never changes, so the one already held is kept: readers may compare or cache by identity. */
const toItem = (features: ItemFeatures, held: Float32Array | undefined): CatalogueItem => ({
  itemId: features.item_id,
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
