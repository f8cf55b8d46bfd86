/** Which items stand at which places before anything is drawn, and their places among the candidates. */
import type { Candidate } from '../../../schemas/records.ts'
import { type Catalogue, versionAt } from '../candidates.ts'
import { type RowVectors, rowVectors } from '../row-vectors.ts'
import type { Pinned } from './limits.ts'
import type { Asked } from './rules.ts'
import type { ConstraintsConfig } from './schema.ts'

interface Known {
  readonly catalogue: Catalogue
  readonly dimensions: number
}

export interface Pins {
  readonly pins: readonly Pinned[]
  /** A pin must not be shown, or is not to be had: its place is drawn. */
  readonly dropped: boolean
  /** With what is pinned and was not among them. A pin is there for sure, however it was found. */
  readonly candidates: readonly Candidate[]
  readonly vectors: RowVectors
}

/** The request's pins come before the policy's, place by place and item by item. */
export function findPins(
  config: ConstraintsConfig['pinned'],
  { request, found, may: mayBeShown }: Asked,
  known: Known,
): Pins {
  const { catalogue, dimensions } = known
  const { features } = catalogue
  const own = (request.pinned ?? []).map(({ position, item_id }) => ({ position, item: item_id }))
  const others = config.filter(pin => !own.some(({ position, item }) => position === pin.position || item === pin.item))
  const wanted = [...own, ...others].filter(pin => pin.position < request.slots).sort((a, b) => a.position - b.position)
  const may = wanted.filter(({ item }) => mayBeShown(item))
  const candidates = found.candidates.slice()
  const itemIds = found.vectors.itemIds.slice()
  const { numbers } = found.vectors.rows
  const rows: number[] = []
  for (let i = 0; i < numbers.length; i++) rows.push(numbers[i])
  const pins = may.map(({ position, item }) => {
    const among = itemIds.indexOf(item)
    if (among >= 0) {
      candidates[among] = { ...candidates[among], inclusion_probability: 1 }
      return { position, candidate: among }
    }
    const row = features.rowOf(item)
    const feature_version = versionAt(features, row)
    candidates.push({ item_id: item, feature_version, source: 'pinned', inclusion_probability: 1 })
    rows.push(row)
    return { position, candidate: itemIds.push(item) - 1 }
  })
  return {
    pins,
    dropped: may.length < wanted.length,
    candidates,
    vectors: rowVectors(features, { itemIds, rows }, dimensions),
  }
}
