/** Candidates of the catalogue as a policy sees them. Their vectors are read once somebody asks. */
import type { FeatureStore } from '../features/store.ts'
import type { CandidateVectors, Rows } from '../models/policy.ts'

export interface Named {
  readonly itemIds: readonly string[]
  /** -1: not in the catalogue, so that its vector is zeros. */
  readonly rows: ArrayLike<number>
}

export interface RowVectors extends CandidateVectors {
  readonly rows: Rows
}

/** @param dimensions of the vectors of what is not in the catalogue */
export const rowVectors = (features: FeatureStore, named: Named, dimensions = 0): RowVectors =>
  new VectorsOfRows(features, named, dimensions)

/** A class for the getter's sake (src/models/lazy-scorer.ts). */
class VectorsOfRows implements RowVectors {
  readonly itemIds: readonly string[]
  readonly rows: Rows
  readonly #dimensions: number
  #vectors?: readonly Float32Array[]

  constructor(catalogue: FeatureStore, { itemIds, rows }: Named, dimensions: number) {
    this.itemIds = itemIds
    this.rows = { catalogue, numbers: rows }
    this.#dimensions = dimensions
  }
  get vectors(): readonly Float32Array[] {
    this.#vectors ??= readVectors(this.rows, this.#dimensions)
    return this.#vectors
  }
}

function readVectors({ catalogue, numbers }: Rows, dimensions: number): readonly Float32Array[] {
  const zeros = new Float32Array(dimensions)
  const all = new Array<Float32Array>(numbers.length)
  for (let k = 0; k < all.length; k++) all[k] = numbers[k] < 0 ? zeros : catalogue.vectorOf(numbers[k])
  return all
}
