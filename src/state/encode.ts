/**
 * The one state encoder: raw snapshot -> vector, used by the ranker at decision time and by the learner from the log,
 * bit-identically. (Signature fixed; body to be written.)
 */
import type { Snapshot } from '../../schemas/records.ts'
import type { Config } from '../config.ts'

/** The vector of exactly that version of an item; undefined when unknown. */
export type VectorLookup = (itemId: string, featureVersion: number) => Float32Array | undefined

export interface StateEncoder {
  /** Name and layout, e.g. `mean-1:history32+context8`: logged as encoder_version. */
  readonly version: string
  /** Length of the vector, the leading bias included. */
  readonly dimensions: number
  encode(snapshot: Snapshot, lookup: VectorLookup): Float64Array
}
export declare function createStateEncoder(config: Config): StateEncoder
