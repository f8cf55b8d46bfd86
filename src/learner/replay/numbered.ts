/** Strings on disk in order, each once: of a new state only what differs is written. */
import type { Database } from 'lmdb'

export interface Numbered {
  /** Those of the file. */
  read(): string[]
  become(values: ReadonlySet<string>): void
  clear(): void
}

export function numbered(rows: Database<string, number>): Numbered {
  const numbers = new Map<string, number>()
  let next = 0
  const note = (number: number, value: string): void => {
    numbers.set(value, number)
    next = number + 1
  }
  return {
    read() {
      numbers.clear()
      for (const { key, value } of rows.getRange()) note(key, value)
      return [...numbers.keys()]
    },
    become(values) {
      for (const [value, number] of numbers)
        if (!values.has(value)) {
          rows.removeSync(number)
          numbers.delete(value)
        }
      for (const value of values)
        if (!numbers.has(value)) {
          rows.putSync(next, value)
          note(next, value)
        }
    },
    clear() {
      rows.clearSync()
      numbers.clear()
      next = 0
    },
  }
}
