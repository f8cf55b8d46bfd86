/** Replay on disk (keeper.ts), in an lmdb of its own: as large as what the learner holds and remembers, with all revisions that made it. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open } from 'lmdb'
import type { Transition } from '../../../schemas/records.ts'
import { currentSchema } from '../../log/wire/schemas.ts'
import { avroCodec } from '../../state/codec.ts'
import { damageOf } from '../../state/lmdb-file.ts'
import type { Keeper, Kept } from './keeper.ts'

const codec = avroCodec<Transition>(currentSchema('Transition'))
const META = 'taken until'
const DATA = 'data.mdb'

/** @param folder of this policy alone */
export function openKeeper(folder: string): Keeper {
  // a cache: what cannot be read is dropped
  if (damageOf(join(folder, DATA)) !== null) rmSync(folder, { recursive: true })
  mkdirSync(folder, { recursive: true })
  const env = open({
    path: folder,
    noSubdir: false,
    maxDbs: 3,
    encoding: 'binary',
    cache: false,
    overlappingSync: true,
  })
  const meta = env.openDB<string, string>('meta', { encoding: 'string' })
  const rows = env.openDB<Buffer, number>('revisions', { encoding: 'binary' })
  const left = numbered(env.openDB<string, number>('left', { encoding: 'string' }))
  /** Numbers of the revisions, by transition. */
  const numbers = new Map<string, number[]>()
  let next = 0
  const note = (number: number, { transition_id: id }: Transition): void => {
    next = number + 1
    const known = numbers.get(id)
    if (known) known.push(number)
    else numbers.set(id, [number])
  }
  const forget = (id: string): void => {
    for (const number of numbers.get(id) ?? []) rows.removeSync(number)
    numbers.delete(id)
  }
  const clear = (): void => {
    env.transactionSync(() => {
      rows.clearSync()
      left.clear()
      meta.removeSync(META)
    })
    numbers.clear()
    next = 0
  }
  return {
    recall(after) {
      if (meta.get(META) !== nameOf(after)) {
        clear()
        return { transitions: [], left: [] }
      }
      numbers.clear()
      const transitions = [...rows.getRange()].map(({ key, value }) => {
        const transition = codec.decode(value)
        note(key, transition)
        return transition
      })
      return { transitions, left: left.read() }
    },
    keep(taken, after, { holds, left: ids }) {
      const told = byTransition(taken)
      env.transactionSync(() => {
        // what leaves comes first, and what has left again is never written: lmdb counts pages as its own that were freed before they
        // reached the file, and a file that is shorter than what it counts looks damaged
        for (const [id, [{ kind }]] of told) if (kind === 'initial') forget(id)
        for (const id of numbers.keys()) if (!holds(id)) forget(id)
        for (const [id, revisions] of told)
          for (const transition of holds(id) ? revisions : []) {
            rows.putSync(next, codec.encode(transition))
            note(next, transition)
          }
        if (ids) left.become(ids())
        meta.putSync(META, nameOf(after))
      })
    },
    close: () => env.close(),
  }
}

/** Strings in order, each once: of a new state only what differs is written. */
function numbered(rows: Database<string, number>) {
  const numbers = new Map<string, number>()
  let next = 0
  const note = (number: number, value: string): void => {
    numbers.set(value, number)
    next = number + 1
  }
  return {
    read(): string[] {
      numbers.clear()
      for (const { key, value } of rows.getRange()) note(key, value)
      return [...numbers.keys()]
    },
    become(values: ReadonlySet<string>): void {
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
    clear(): void {
      rows.clearSync()
      numbers.clear()
      next = 0
    },
  }
}

/** In order of the first revisions: what is told anew, after it had left, has its place from then on. */
function byTransition(taken: readonly Transition[]): Map<string, Transition[]> {
  const told = new Map<string, Transition[]>()
  for (const transition of taken) {
    const { transition_id: id, kind } = transition
    if (kind === 'initial') told.delete(id)
    const revisions = told.get(id)
    if (revisions) revisions.push(transition)
    else told.set(id, [transition])
  }
  return told
}

const nameOf = ({ version, createdMs }: Kept): string => `${version}/${createdMs}`
