/**
 * The quotas of a policy over the candidates of one decision. One that cannot bind is left out: it has no floor, and its cap
 * is no less than the candidates that it has, or than the slots. Names have the value in JSON: `true` and `"true"` are two groups.
 */
import type { Quota } from '../../../schemas/records.ts'
import type { CatalogueItem } from '../../features/store.ts'
import type { QuotaConfig } from './schema.ts'

type Value = CatalogueItem['attributes'][string]
/** Null: it must not be shown. */
type Items = readonly (CatalogueItem | undefined | null)[]

export const quotasOf = (quotas: readonly QuotaConfig[], items: Items, slots: number): readonly Quota[] =>
  quotas.flatMap(({ attribute, value, floor, cap = slots }) => {
    const groups = groupBy(items, attribute)
    const wanted = value === undefined ? [...groups] : [[value, groups.get(value) ?? []] as const]
    return wanted
      .filter(([, candidates]) => floor > 0 || cap < Math.min(slots, candidates.length))
      .map(([of, candidates]) => ({ name: `${attribute}:${JSON.stringify(of)}`, floor, cap, candidates }))
  })

function groupBy(items: Items, attribute: string): ReadonlyMap<Value, number[]> {
  const groups = new Map<Value, number[]>()
  for (let i = 0; i < items.length; i++) {
    const value = items[i]?.attributes[attribute]
    if (value === undefined) continue
    const group = groups.get(value)
    if (group) group.push(i)
    else groups.set(value, [i])
  }
  return groups
}
