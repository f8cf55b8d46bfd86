/**
 * What may be shown to a person at a moment, whoever proposes it: a caller's baseline no more than the policy. Known and
 * available, met by the policy's filters, neither banned nor excluded nor seen.
 */
import type { Request, Snapshot } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Catalogue } from './candidates.ts'
import { compileCondition, type Moment } from './condition.ts'
import { hiddenFrom } from './constraints/rules.ts'

export interface Showing {
  readonly request: Request
  /** Its history is what the person has seen, whether or not the decision logs it. */
  readonly snapshot: Snapshot
  readonly moment: Moment
}

export type MayBeShown = (itemId: string) => boolean

export function createMayBeShown(config: Config) {
  const policies = new Map(
    config.policies.map(({ name, candidates, constraints }) => [
      name,
      { constraints, filters: candidates.filters.map(compileCondition) },
    ]),
  )
  return ({ request, snapshot, moment }: Showing, catalogue: Catalogue): MayBeShown => {
    const { constraints, filters } = policies.get(request.policy)!
    const hidden = hiddenFrom(constraints, request, snapshot)
    const meets = (itemId: string): boolean => {
      if (hidden.has(itemId) || !isToBeHad(itemId, catalogue)) return false
      const item = catalogue.features.current(itemId)
      return filters.every(filter => filter(item, moment))
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
