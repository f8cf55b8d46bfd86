/** What is worked out of an item's vector under a prior, kept while both live: a catalogue's items are scored again and again. */
export type ByVector<Owner extends object, T> = (owner: Owner, vector: Float32Array, workOut: () => T) => T

export function createByVector<Owner extends object, T>(): ByVector<Owner, T> {
  const kept = new WeakMap<Owner, WeakMap<Float32Array, T>>()
  return (owner, vector, workOut) => {
    let known = kept.get(owner)
    if (!known) {
      known = new WeakMap()
      kept.set(owner, known)
    }
    let value = known.get(vector)
    if (value === undefined) {
      value = workOut()
      known.set(vector, value)
    }
    return value
  }
}
