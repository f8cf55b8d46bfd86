/**
 * A machine's disk, as ranker and joiner use it: what was committed reaches it now and then, all tables together with
 * the chain position that they add up to; a crash loses what did not; a torn file is noticed and dropped whole. What
 * src/state/disk.ts promises, without its threads and files, so that a seed stays one exact history.
 */
import type { World } from '../log/chain/simulation/world.ts'
import type { ChainPoint } from '../stage.ts'
import type { Store, Table } from '../state/table.ts'

export interface SimulatedDisk {
  /** @param empty the tables in memory that stand for those on disk */
  open<R>(empty: () => Store<R>): Store<R>
  /** All that is on it is gone; who has it open goes on, and writes to nowhere. */
  lose(): void
}

type Tables = Readonly<Record<string, Table<unknown>>>
type Rows = readonly (readonly [string, unknown])[]
interface Kept {
  readonly point: ChainPoint
  readonly tables: ReadonlyMap<string, Rows>
}

/** How often a commit reaches the disk, and how often a file is torn when it is opened. */
const WRITTEN = 0.3
const TORN = 0.1
const LAST_KEY = '\u{10ffff}'

export type DiskMaker = (world: World, name: string) => SimulatedDisk

/** @param lies for tests: the position is written without the last step's changes */
export function createDisk(world: World, name: string, lies = false): SimulatedDisk {
  let kept: Kept | null = null
  const rowsOf = (tables: Tables): Kept['tables'] =>
    new Map(Object.entries(tables).map(([table, { range }]): [string, Rows] => [table, [...range('', LAST_KEY)]]))
  const read = (tables: Tables, { tables: all }: Kept): void => {
    for (const [table, rows] of all) for (const [key, value] of rows) tables[table]!.set(key, value)
  }
  let disk = 0
  return {
    lose() {
      world.trace(`${name} is lost`)
      kept = null
      disk++
    },
    open(empty) {
      const mine = disk
      const store = empty()
      const tables = store.tables as Tables
      if (kept !== null && world.chance(TORN)) {
        world.trace(`${name} is torn`)
        kept = null
      }
      if (kept !== null) read(tables, kept)
      store.commit()
      const openedAt = kept?.point ?? null
      let last: Kept | null = null
      return {
        ...store,
        openedAt,
        commit(point) {
          const before = last?.tables ?? new Map()
          store.commit()
          last = point ? { point, tables: rowsOf(tables) } : null
          if (last !== null && world.chance(WRITTEN) && mine === disk)
            kept = lies ? { point: last.point, tables: before } : last
        },
        async reset(reason, detail) {
          world.trace(`${name} is dropped: ${reason}, ${detail}`)
          kept = null
          for (const table of Object.values(tables))
            for (const [key] of [...table.range('', LAST_KEY)]) table.delete(key)
          store.commit()
        },
        async close() {
          if (last !== null && !lies && mine === disk) kept = last
        },
      }
    },
  }
}
