/**
 * Which buckets of a timer hold anything, in order: numbers in groups of neighbours, and the list of groups. Tens of
 * thousands of buckets are open at a time, and a step changes a few: it writes their groups anew, not all of them.
 */
import type { Table } from '../state/table.ts'

const GROUP = 256

export interface Buckets {
  /** The earliest; undefined: there is none. */
  first(): number | undefined
  /** Of numbers that are not there yet. */
  add(buckets: readonly number[]): void
  removeFirst(): void
}

/** @param name its rows' keys begin with it */
export function createBuckets(name: string, table: Table<readonly number[]>): Buckets {
  const keyOf = (group: number): string => `${name}/${group}`
  const groups = (): readonly number[] => table.get(name) ?? []
  return {
    first() {
      const [group] = groups()
      return group === undefined ? undefined : table.get(keyOf(group))![0]
    },
    add(buckets) {
      const byGroup = Map.groupBy(buckets, bucket => Math.floor(bucket / GROUP))
      const opened: number[] = []
      for (const [group, numbers] of byGroup) {
        const before = table.get(keyOf(group))
        if (!before) opened.push(group)
        table.set(keyOf(group), inOrder([...(before ?? []), ...numbers]))
      }
      if (opened.length > 0) table.set(name, inOrder([...groups(), ...opened]))
    },
    removeFirst() {
      const [group, ...others] = groups()
      const left = table.get(keyOf(group))!.slice(1)
      if (left.length > 0) table.set(keyOf(group), left)
      else {
        table.delete(keyOf(group))
        table.set(name, others)
      }
    },
  }
}

const inOrder = (numbers: number[]): readonly number[] => numbers.sort((a, b) => a - b)
