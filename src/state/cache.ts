/**
 * A bounded cache in two generations: what is read or written goes to the young one; when that is full it becomes the
 * old one, and the old one is dropped. So what was not used for a whole generation goes, at O(1) an operation, with no
 * list to keep. Nothing in it is the only copy. Caches of one pool share its room and change generations together.
 */

export interface Pool {
  readonly generation: number
  spend(bytes: number): void
}

/** @param room bytes of one generation, asked anew whenever one is full */
export function createPool(room: () => number): Pool {
  let generation = 0
  let left = room()
  return {
    get generation() {
      return generation
    },
    spend(bytes) {
      left -= bytes
      if (left >= 0) return
      generation++
      left = room()
    },
  }
}

export interface Cache<V> {
  get(key: string): V | undefined
  /** @param bytes about what it takes of the pool's room */
  put(key: string, value: V, bytes: number): void
  remove(key: string): void
}

export function createCache<V>(pool: Pool, meanBytes: () => number): Cache<V> {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  let { generation } = pool
  const age = (): void => {
    if (generation === pool.generation) return
    old = pool.generation === generation + 1 ? young : new Map()
    young = new Map()
    generation = pool.generation
  }
  const put = (key: string, value: V, bytes: number): void => {
    pool.spend(bytes)
    age()
    young.set(key, value)
  }
  return {
    put,
    get(key) {
      age()
      const value = young.get(key)
      if (value !== undefined) return value
      const older = old.get(key)
      if (older !== undefined) put(key, older, meanBytes())
      return older
    },
    remove(key) {
      young.delete(key)
      old.delete(key)
    },
  }
}
