/**
 * What a version has learned of items, found by row in place of name, and laid out side by side: a decision over a thousand items asks a map
 * a thousand times else, each time for a name that was just read from bytes and is hashed and compared anew, and waits for what it finds all over the
 * heap. An item is looked up by name once a version. Only the versions that serve remember, so that a large catalogue costs some numbers an
 * item, and θ and u of each that was asked for, and not that a version.
 */
import type { Posterior } from '../learner/linear/posterior.ts'
import { type Pages, pageAt } from './pages.ts'
import type { CandidateVectors } from './policy.ts'

/** Of some candidates. */
export interface Found {
  /** Where each one's posterior stands; -1: nothing is known of it. */
  readonly slots: Int32Array
  /** By slot. */
  readonly posteriors: readonly Posterior[]
  /** θ of each posterior, one after the other. */
  readonly thetas: Float64Array
  /** u of each (src/learner/linear/axis.ts), likewise. */
  readonly axes: Float64Array
}

export interface Places {
  of(candidates: CandidateVectors): Found
}

/** Versions that remember: of several policies, each with a champion and a challenger. */
const KEPT = 16
const PAGE = 1024
const remembering = new Set<{ forget(): void }>()
/** In pages: nobody asked. */
const NEVER = -2
const NOTHING = -1
const unasked = (): Int32Array => new Int32Array(PAGE).fill(NEVER)

/** Posteriors side by side, as they come. @param d length of θ @param count how many are expected */
function createColumns(d: number, count: number) {
  const posteriors: Posterior[] = []
  const slots = new Map<Posterior, number>()
  let thetas = new Float64Array(d * count)
  let axes = new Float64Array(d * count)
  return {
    found: (slots: Int32Array): Found => ({ slots, posteriors, thetas, axes }),
    slotOf(posterior: Posterior): number {
      const known = slots.get(posterior)
      if (known !== undefined) return known
      const slot = posteriors.push(posterior) - 1
      if (d * slot >= thetas.length) {
        thetas = twice(thetas, d)
        axes = twice(axes, d)
      }
      slots.set(posterior, slot)
      thetas.set(posterior.theta, d * slot)
      axes.set(posterior.axis, d * slot)
      return slot
    },
  }
}

function twice(values: Float64Array, least: number): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(Math.max(least, 2 * values.length))
  longer.set(values)
  return longer
}

/** @param d length of θ @param named what is known of an item, the same whenever it is asked */
export function createPlaces(d: number, named: (itemId: string) => Posterior | undefined): Places {
  let catalogue: object | undefined
  /** Slots by row. */
  let pages: Pages<Int32Array> = []
  let columns: ReturnType<typeof createColumns> | undefined
  const memory = {
    forget() {
      catalogue = undefined
      pages = []
      columns = undefined
    },
  }
  const find = (itemId: string, row: number): number => {
    const posterior = named(itemId)
    const slot = posterior ? columns!.slotOf(posterior) : NOTHING
    if (row >= 0) pageAt(pages, Math.floor(row / PAGE), unasked)[row % PAGE] = slot
    return slot
  }
  return {
    of({ itemIds, rows }) {
      if (!rows)
        return foundNow(
          d,
          itemIds.map(itemId => named(itemId)),
        )
      if (catalogue !== rows.catalogue) memory.forget()
      catalogue = rows.catalogue
      use(memory)
      columns ??= createColumns(d, itemIds.length)
      const slots = new Int32Array(itemIds.length)
      for (let i = 0; i < slots.length; i++) {
        const row = rows.numbers[i]
        const slot = pages[Math.floor(row / PAGE)]?.[row % PAGE] ?? NEVER
        slots[i] = slot === NEVER ? find(itemIds[i], row) : slot
      }
      return columns.found(slots)
    },
  }
}

/** What is known of candidates by a version that changes: nothing is remembered. */
export function foundNow(d: number, known: readonly (Posterior | undefined)[]): Found {
  const columns = createColumns(d, known.length)
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
