/** Uniform draws without replacement from what is left of a set of rows. */
import type { Random } from '../../state/random.ts'
import type { RowSet } from './row-set.ts'

export interface Draw {
  readonly rows: readonly number[]
  /** Of each row of the pool that was not taken: the probability to be among them. */
  readonly inclusion: number
}

/** Draws up to `count` of the rows that are not `taken`, each subset alike, and adds them to `taken`. */
export function drawRows(pool: RowSet, taken: Set<number>, count: number, random: Random): Draw {
  let left = pool.size
  for (const row of taken) if (pool.has(row)) left--
  const rows: number[] = []
  const take = (row: number): void => {
    if (taken.has(row)) return
    taken.add(row)
    rows.push(row)
  }
  if (left <= count) for (let i = 0; i < pool.size; i++) take(pool.at(i))
  else while (rows.length < count) take(pool.at(Math.floor(random.uniform() * pool.size)))
  return { rows, inclusion: left > 0 ? Math.min(1, count / left) : 0 }
}
