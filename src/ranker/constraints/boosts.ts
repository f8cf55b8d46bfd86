/** Boosts over the candidates of one decision. A condition on the item alone is evaluated once a version of an item. */
import type { Shift } from '../../../schemas/records.ts'
import type { CatalogueItem } from '../../features/store.ts'
import { type Condition, compileCondition, type Moment } from '../condition.ts'
import type { ConstraintsConfig } from './schema.ts'

/** @param items of the candidates; null: it must not be shown */
type Boosts = (items: readonly (CatalogueItem | undefined | null)[], moment: Moment) => readonly Shift[]

export function createBoosts(config: ConstraintsConfig['boosts']): Boosts {
  const boosts = config.map(({ when, shift }) => ({ by: shift, condition: once(when) }))
  return (items, moment) =>
    boosts.flatMap(({ by, condition }) => {
      const candidates: number[] = []
      items.forEach((item, i) => {
        if (item !== null && condition(item, moment)) candidates.push(i)
      })
      return candidates.length > 0 ? [{ by, candidates }] : []
    })
}

/** The condition, remembered of items where it reads nothing else. */
function once(source: string): Condition {
  const condition = compileCondition(source)
  if (condition.reads.size > 1 || !condition.reads.has('item')) return condition
  const known = new WeakMap<CatalogueItem, boolean>()
  return (item, moment) => {
    if (item === undefined) return condition(item, moment)
    let met = known.get(item)
    if (met === undefined) {
      met = condition(item, moment)
      known.set(item, met)
    }
    return met
  }
}
