/**
 * A bounded cache in two generations: what is read or written goes to the young one; when that is full it becomes the
 * old one, and the old one is dropped. So what was not used for a whole generation goes, at O(1) an operation, with no
 * list to keep. Nothing in it is the only copy.
 */

export interface Cache<V> {
  get(key: string): V | undefined
  put(key: string, value: V): void
  remove(key: string): void
}

/** @param capacity entries of one generation, asked anew whenever one fills */
export function createCache<V>(capacity: () => number): Cache<V> {
  let young = new Map<string, V>()
  let old = new Map<string, V>()
  let room = capacity()
  const put = (key: string, value: V): void => {
    if (young.size >= room) {
      old = young
      young = new Map()
      room = capacity()
    }
    young.set(key, value)
  }
  return {
    put,
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const older = old.get(key)
      if (older !== undefined) put(key, older)
      return older
    },
    remove(key) {
      young.delete(key)
      old.delete(key)
    },
  }
}
