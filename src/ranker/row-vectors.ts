/** Candidates of the catalogue as a policy sees them. Their vectors are read once somebody asks. */
import type { FeatureStore } from '../features/store.ts'
import type { CandidateVectors, Rows } from '../models/policy.ts'

export interface Named {
  readonly itemIds: readonly string[]
  /** -1: not in the catalogue, so that its vector is zeros. */
  readonly rows: readonly number[]
}

export interface RowVectors extends CandidateVectors {
  readonly rows: Rows
}

/** @param dimensions of the vectors of what is not in the catalogue */
export function rowVectors(features: FeatureStore, { itemIds, rows }: Named, dimensions = 0): RowVectors {
  let vectors: readonly Float32Array[] | undefined
  const read = (): readonly Float32Array[] => {
    const zeros = new Float32Array(dimensions)
    const all = new Array<Float32Array>(rows.length)
    for (let k = 0; k < all.length; k++) all[k] = rows[k] < 0 ? zeros : features.vectorOf(rows[k])
    return all
  }
  return {
    itemIds,
    get vectors() {
      vectors ??= read()
      return vectors
    },
    rows: { catalogue: features, numbers: rows },
  }
}
