/** Replay on disk (keeper.ts), in an lmdb of its own: bounded by the buffer's capacity in transitions, their revisions with them. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import type { Transition } from '../../../schemas/records.ts'
import { currentSchema } from '../../log/wire/schemas.ts'
import { avroCodec } from '../../state/codec.ts'
import { damageOf } from '../../state/lmdb-file.ts'
import type { Keeper, Kept } from './keeper.ts'

const codec = avroCodec<Transition>(currentSchema('Transition'))
const META = 'after'
const DATA = 'data.mdb'

/** What is told is not all in the buffer: slates as a whole are not, what is imitated has a buffer of its own. So much more is kept; what is
 * too much the buffer lets go as it did before. */
const TOLD = 3

/** @param folder of this policy alone @param capacity of the buffer, transitions */
export function openKeeper(folder: string, capacity: number): Keeper {
  // a cache: what cannot be read is dropped
  if (damageOf(join(folder, DATA)) !== null) rmSync(folder, { recursive: true })
  mkdirSync(folder, { recursive: true })
  const env = open({
    path: folder,
    noSubdir: false,
    maxDbs: 2,
    encoding: 'binary',
    cache: false,
    overlappingSync: true,
  })
  const meta = env.openDB<string, string>('meta', { encoding: 'string' })
  const rows = env.openDB<Buffer, number>('revisions', { encoding: 'binary' })
  /** Numbers of the newest first revisions: nothing before the first of them is of use. */
  const firsts: number[] = []
  let next = 0
  const note = (number: number, { kind }: Transition): void => {
    next = number + 1
    if (kind === 'initial') firsts.push(number)
  }
  const clear = (): void => {
    env.transactionSync(() => {
      rows.clearSync()
      meta.removeSync(META)
    })
    firsts.length = 0
    next = 0
  }
  return {
    recall(after) {
      if (meta.get(META) !== nameOf(after)) {
        clear()
        return []
      }
      firsts.length = 0
      return [...rows.getRange()].map(({ key, value }) => {
        const transition = codec.decode(value)
        note(key, transition)
        return transition
      })
    },
    keep(transitions, after) {
      env.transactionSync(() => {
        for (const transition of transitions) {
          rows.putSync(next, codec.encode(transition))
          note(next, transition)
        }
        firsts.splice(0, firsts.length - TOLD * capacity)
        const [oldest = next] = firsts
        for (const key of [...rows.getKeys({ end: oldest })]) rows.removeSync(key)
        meta.putSync(META, nameOf(after))
      })
    },
    close: () => env.close(),
  }
}

const nameOf = ({ version, createdMs }: Kept): string => `${version}/${createdMs}`
