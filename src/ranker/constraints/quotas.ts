/** The quotas of a policy over the candidates of one decision. One that cannot bind is left out: no floor, and no more candidates than the cap. */
import type { Quota } from '../../../schemas/records.ts'
import type { CatalogueItem } from '../../features/store.ts'
import type { QuotaConfig } from './schema.ts'

type Value = CatalogueItem['attributes'][string]

/** @param may false: the candidate is shown by no slot */
export function quotasOf(
  quotas: readonly QuotaConfig[],
  items: readonly (CatalogueItem | undefined)[],
  slots: number,
  may: (candidate: number) => boolean,
): readonly Quota[] {
  return quotas.flatMap(({ attribute, value, floor, cap = slots }) => {
    const groups = groupBy(items, attribute, may)
    const wanted = value === undefined ? [...groups] : [[value, groups.get(value) ?? []] as const]
    return wanted
      .filter(([, candidates]) => floor > 0 || candidates.length > cap)
      .map(([of, candidates]) => ({ name: `${attribute}:${of}`, floor, cap, candidates }))
  })
}

function groupBy(
  items: readonly (CatalogueItem | undefined)[],
  attribute: string,
  may: (candidate: number) => boolean,
) {
  const groups = new Map<Value, number[]>()
  items.forEach((item, i) => {
    const value = item?.attributes[attribute]
    if (value === undefined || !may(i)) return
    const group = groups.get(value)
    if (group) group.push(i)
    else groups.set(value, [i])
  })
  return groups
}
