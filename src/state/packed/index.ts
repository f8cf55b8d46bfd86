/**
 * Where a key's entry is: an open-addressed hash table of numbers. The collector sees two arrays however many keys there
 * are, where a map of strings would be looked through whenever it looks. Linear probing, and deletion by moving back what
 * follows (Knuth, TAOCP 3, 6.4, algorithm R), so no graves are left.
 */

/** An entry's place; 0 is none. */
export type Place = number

export interface PlaceIndex {
  readonly size: number
  /** The place among those with this hash for which `is` holds; 0 when there is none. */
  find(hash: number, is: (place: Place) => boolean): Place
  add(hash: number, place: Place): void
  /** @param from a place that is there */
  move(hash: number, from: Place, to: Place): void
  /** True when it was there. */
  remove(hash: number, place: Place): boolean
  has(hash: number, place: Place): boolean
  places(): Iterable<Place>
}

const FEWEST = 64

export function createPlaceIndex(): PlaceIndex {
  let hashes = new Uint32Array(FEWEST)
  let places = new Uint32Array(FEWEST)
  let mask = FEWEST - 1
  let size = 0

  const slotOf = (hash: number, place: Place): number => {
    for (let slot = hash & mask; places[slot] !== 0; slot = (slot + 1) & mask) if (places[slot] === place) return slot
    return -1
  }
  const insert = (hash: number, place: Place): void => {
    let slot = hash & mask
    while (places[slot] !== 0) slot = (slot + 1) & mask
    hashes[slot] = hash
    places[slot] = place
  }
  const grow = (): void => {
    const [oldHashes, oldPlaces] = [hashes, places]
    mask = 2 * oldPlaces.length - 1
    hashes = new Uint32Array(mask + 1)
    places = new Uint32Array(mask + 1)
    for (let slot = 0; slot < oldPlaces.length; slot++)
      if (oldPlaces[slot] !== 0) insert(oldHashes[slot], oldPlaces[slot])
  }
  return {
    get size() {
      return size
    },
    find(hash, is) {
      for (let slot = hash & mask; places[slot] !== 0; slot = (slot + 1) & mask)
        if (hashes[slot] === hash && is(places[slot])) return places[slot]
      return 0
    },
    add(hash, place) {
      if (2 * ++size > mask) grow()
      insert(hash, place)
    },
    move(hash, from, to) {
      places[slotOf(hash, from)] = to
    },
    remove(hash, place) {
      let hole = slotOf(hash, place)
      if (hole < 0) return false
      size--
      for (let slot = (hole + 1) & mask; places[slot] !== 0; slot = (slot + 1) & mask) {
        // What would be looked for between the hole and here must stay.
        if (((slot - hashes[slot]) & mask) < ((slot - hole) & mask)) continue
        hashes[hole] = hashes[slot]
        places[hole] = places[slot]
        hole = slot
      }
      places[hole] = 0
      return true
    },
    has: (hash, place) => slotOf(hash, place) >= 0,
    *places() {
      for (const place of places) if (place !== 0) yield place
    },
  }
}
