/**
 * What may be shown to a person at a moment, whoever proposes it: a caller's baseline no more than the policy. Known and
 * available, met by the policy's filters, neither banned nor excluded nor seen.
 */
import type { Request } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Catalogue } from './candidates.ts'
import { compileCondition, type Moment, meetsAll } from './condition.ts'
import type { Hidden } from './constraints/hidden.ts'

export interface Showing {
  readonly request: Request
  /** By what the person has seen too, whether or not the decision logs it. */
  readonly hidden: Hidden
  readonly moment: Moment
}

export type MayBeShown = (itemId: string) => boolean

export function createMayBeShown(config: Config) {
  const filtersOf = new Map(
    config.policies.map(({ name, candidates }) => [name, candidates.filters.map(compileCondition)]),
  )
  return ({ request, hidden, moment }: Showing, catalogue: Catalogue): MayBeShown => {
    const filters = filtersOf.get(request.policy)!
    const meets = (itemId: string): boolean => {
      if (hidden(itemId) || !isToBeHad(itemId, catalogue)) return false
      const item = catalogue.features.current(itemId)
      return meetsAll(filters, item, moment)
    }
    // A condition that fails is counted: of an item once.
    const asked = new Map<string, boolean>()
    return itemId => {
      const may = asked.get(itemId) ?? meets(itemId)
      asked.set(itemId, may)
      return may
    }
  }
}

/** Before the catalogue is read nothing is known to be absent. */
export function isToBeHad(itemId: string, { features, catalogueReady }: Catalogue): boolean {
  const item = features.current(itemId)
  return item?.available ?? !catalogueReady
}
