/** Candidates of the catalogue as a policy sees them. Their vectors are read once somebody asks: the default policy seldom does. */
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
    return rows.map(row => (row < 0 ? zeros : features.at(row).vector))
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
