/**
 * What a process knows of the catalogue: every version of every item's vector that the `features` topic still holds,
 * and which is current. Fed by the broadcast reader; read by the ranker (current) and the learner (as logged).
 */
import type { ItemFeatures } from '../../schemas/records.ts'

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
  put(features: ItemFeatures): void
}
export declare function createFeatureStore(): FeatureStore
