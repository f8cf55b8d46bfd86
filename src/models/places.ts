/**
 * What a version keeps of items, found by row in place of name: a decision over a thousand items asks a map a thousand times
 * else, each time for a name that was just read from bytes and is hashed and compared anew. An item is looked up by name once
 * a version. Only the versions that serve remember, so that a large catalogue costs some numbers an item and not one a version.
 */
import type { CandidateVectors } from './policy.ts'

export interface Places<T> {
  /** What is kept of each candidate; undefined: nothing. */
  of(candidates: CandidateVectors): (T | undefined)[]
}

/** Versions that remember: of several policies, each with a champion and a challenger. */
const KEPT = 8
const PAGE = 1024
const remembering = new Set<{ forget(): void }>()

/** @param named what is kept of an item, the same whenever it is asked */
export function createPlaces<T extends object>(named: (itemId: string) => T | undefined): Places<T> {
  let catalogue: object | undefined
  /** By row: what is kept, null where nothing is, undefined where nobody asked. */
  let pages: (T | null | undefined)[][] = []
  const memory = {
    forget() {
      catalogue = undefined
      pages = []
    },
  }
  const pageOf = (row: number): (T | null | undefined)[] => {
    const page = Math.floor(row / PAGE)
    while (pages.length <= page) pages.push([])
    if (pages[page].length === 0) pages[page] = new Array<T | null | undefined>(PAGE).fill(undefined)
    return pages[page]
  }
  const find = (itemId: string, row: number): T | undefined => {
    const value = named(itemId)
    if (row >= 0) pageOf(row)[row % PAGE] = value ?? null
    return value
  }
  return {
    of({ itemIds, rows }) {
      if (!rows) return itemIds.map(itemId => named(itemId))
      if (catalogue !== rows.catalogue) memory.forget()
      catalogue = rows.catalogue
      use(memory)
      const { numbers } = rows
      const found = new Array<T | undefined>(itemIds.length)
      for (let i = 0; i < found.length; i++) {
        const row = numbers[i]
        const known = pages[Math.floor(row / PAGE)]?.[row % PAGE]
        found[i] = known === undefined ? find(itemIds[i], row) : (known ?? undefined)
      }
      return found
    },
  }
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
