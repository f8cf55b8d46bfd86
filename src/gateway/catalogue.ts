/** POST /v1/items and DELETE /v1/items/{id}: the catalogue, as `items` has it; answered when it is stored. */
import { badId, validateItem } from '../events/validate.ts'
import type { NewRecord } from '../log/log.ts'
import { refuse } from './ask.ts'
import type { ItemState } from './schemas.ts'
import { firstFault } from './step.ts'
import { appendAll, type Telling } from './tell.ts'

/** Nothing is appended when one of them is invalid; after another failure some may be, and the call is repeated whole.
 * @throws FeedloopError LOG_UNAVAILABLE, record codes */
export type Publish = (items: readonly ItemState[]) => Promise<void>

/** A deletion: the item is not recommended any more, until a later state of it is published.
 * @throws FeedloopError LOG_UNAVAILABLE, RECORD_INVALID */
export type Withdraw = (itemId: string) => Promise<void>

/** The catalogue has one partition. */
const ALL = 0

export function createCatalogue(telling: Telling): { readonly publish: Publish; readonly withdraw: Withdraw } {
  const { config, wire, now } = telling
  const append = (records: readonly NewRecord[]): Promise<void> =>
    appendAll(telling, 'items', new Map([[ALL, records]]))
  return {
    async publish(states) {
      const arrivedMs = now()
      const items = states.map(state => ({ ...state, time_ms: state.time_ms ?? arrivedMs }))
      refuse(firstFault('items', items, item => validateItem(item, arrivedMs, config.limits)))
      await append(items.map(item => ({ key: Buffer.from(item.item_id), value: wire.encode('items', item) })))
    },
    async withdraw(itemId) {
      refuse(badId('id', itemId))
      // Of the arrival, however often it is tried: by the clock that states without a time get theirs from.
      await append([{ key: Buffer.from(itemId), value: null, timestampMs: now() }])
    },
  }
}
