/** POST /v1/items and DELETE /v1/items/{id}: the catalogue, as `items` has it; answered when it is stored. */
import type { Item } from '../../schemas/records.ts'
import { badId, validateItem } from '../events/validate.ts'
import type { NewRecord } from '../log/log.ts'
import { refuse } from './ask.ts'
import { firstFault } from './step.ts'
import { appendAll, type Telling } from './tell.ts'

/** Nothing is appended when one of them is invalid; after another failure some may be, and the call is repeated whole.
 * @throws FeedloopError LOG_UNAVAILABLE, record codes */
export type Publish = (items: readonly Item[]) => Promise<void>

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
    async publish(items) {
      refuse(firstFault('items', items, item => validateItem(item, now(), config.limits)))
      await append(items.map(item => ({ key: Buffer.from(item.item_id), value: wire.encode('items', item) })))
    },
    async withdraw(itemId) {
      refuse(badId('id', itemId))
      await append([{ key: Buffer.from(itemId), value: null }])
    },
  }
}
