/**
 * What a version has learned of items, found by row in place of name: a decision over a thousand items asks a map a thousand times
 * else, each time for a name that was just read from bytes and is hashed and compared anew, and waits for what it finds all over the heap. An item is
 * looked up by name once a version. Only the versions that serve remember, so that a large catalogue costs some numbers an item, and not that a version.
 */
import type { Posterior } from '../learner/linear/posterior.ts'
import { NOWHERE } from '../wasm/ring.ts'
import { withRoom } from './by-row.ts'
import type { CandidateVectors } from './policy.ts'

/** Of some candidates. */
export interface Found {
  /** Where each one's posterior stands; -1: nothing is known of it. */
  readonly slots: Int32Array
  /** Of which something is known, by index, ascending. */
  readonly known: Int32Array
  /** The others, descending. */
  readonly unknown: Int32Array
  /** By slot. */
  readonly posteriors: readonly Posterior[]
  /** Where each posterior's vectors stand (products.ts), by slot: side by side, lest a thousand posteriors be read for it. */
  readonly lines: Float64Array
}

export interface Places {
  of(candidates: CandidateVectors): Found
}

/** Versions that remember: of several policies, each with a champion and a challenger. */
const KEPT = 16
const remembering = new Set<{ forget(): void }>()
const NOTHING = -1
/** Slots by row are larger by it: 0 where nobody asked, so that what is never written takes up no memory. */
const ASKED = 2

/** Posteriors in the order in which they were asked for. @param count how many are expected */
function createColumns(count: number) {
  const posteriors: Posterior[] = []
  const slots = new Map<Posterior, number>()
  let lines = new Float64Array(Math.max(1, count))
  return {
    found: (slots: Int32Array): Found => ({ slots, ...parted(slots), posteriors, lines }),
    slotOf(posterior: Posterior): number {
      const known = slots.get(posterior)
      if (known !== undefined) return known
      const slot = posteriors.push(posterior) - 1
      if (slot === lines.length) lines = twice(lines)
      slots.set(posterior, slot)
      lines[slot] = posterior.line ?? NOWHERE
      return slot
    },
  }
}

function parted(slots: Int32Array): Pick<Found, 'known' | 'unknown'> {
  const indices = new Int32Array(slots.length)
  let count = 0
  let end = slots.length
  for (let k = 0; k < slots.length; k++) indices[slots[k] >= 0 ? count++ : --end] = k
  return { known: indices.subarray(0, count), unknown: indices.subarray(count) }
}

function twice(values: Float64Array): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(2 * values.length)
  longer.set(values)
  return longer
}

/** @param named what is known of an item, the same whenever it is asked */
export function createPlaces(named: (itemId: string) => Posterior | undefined): Places {
  let catalogue: object | undefined
  let byRow = new Int32Array(0)
  let columns: ReturnType<typeof createColumns> | undefined
  const memory = {
    forget() {
      catalogue = undefined
      byRow = new Int32Array(0)
      columns = undefined
    },
  }
  const find = (itemId: string, row: number): number => {
    const posterior = named(itemId)
    const slot = posterior ? columns!.slotOf(posterior) : NOTHING
    if (row >= 0) byRow[row] = slot + ASKED
    return slot
  }
  return {
    of({ itemIds, rows }) {
      if (!rows) return foundNow(itemIds.map(itemId => named(itemId)))
      if (catalogue !== rows.catalogue) memory.forget()
      catalogue = rows.catalogue
      use(memory)
      columns ??= createColumns(itemIds.length)
      byRow = withRoom(byRow, rows.numbers)
      const slots = new Int32Array(itemIds.length)
      // by itself and short, so that the processor waits for many at a time
      for (let i = 0; i < slots.length; i++) slots[i] = (byRow[rows.numbers[i]] ?? 0) - ASKED
      for (let i = 0; i < slots.length; i++) if (slots[i] + ASKED === 0) slots[i] = find(itemIds[i], rows.numbers[i])
      return columns.found(slots)
    },
  }
}

/** What is known of candidates by a version that changes: nothing is remembered. */
export function foundNow(known: readonly (Posterior | undefined)[]): Found {
  const columns = createColumns(known.length)
  return columns.found(Int32Array.from(known, each => (each ? columns.slotOf(each) : NOTHING)))
}

/** The newest used are last. */
function use(memory: { forget(): void }): void {
  remembering.delete(memory)
  remembering.add(memory)
  if (remembering.size <= KEPT) return
  const oldest = remembering.values().next().value!
  oldest.forget()
  remembering.delete(oldest)
}
