/**
 * Replay on disk (keeper.ts), as large as what the learner holds and remembers: of a transition its first revision, and of the others
 * those that say what no later one says.
 */
import type { Transition } from '../../../schemas/records.ts'
import { fingerprintOf } from '../../log/wire/fingerprint.ts'
import { currentSchema } from '../../log/wire/schemas.ts'
import { compile } from '../../log/wire/types.ts'
import { avroCodec } from '../../state/codec.ts'
import { forgetCrashes } from '../../state/crashes.ts'
import { openAnew, openReplayFiles } from './files.ts'
import type { Keeper, Kept, Recalled } from './keeper.ts'

const schema = currentSchema('Transition')
const codec = avroCodec<Transition>(schema)
/** What the bytes mean: rows of another release are dropped. */
const LAYOUT = `1/${fingerprintOf(compile(schema)).toString(16)}`
const META = 'taken until'

/** A revision that is on disk, or is to be. */
interface Row {
  readonly number?: number
  readonly transition?: Transition
  readonly revision: number
  /** It says what comes after. */
  readonly named: boolean
}

const rowOf = (transition: Transition, number?: number): Row => ({
  ...(number === undefined ? { transition } : { number }),
  revision: transition.revision,
  named: transition.terminated || transition.discount !== null,
})

/** @param folder of this policy alone */
export function openKeeper(folder: string): Keeper {
  let files = openReplayFiles(folder)
  /** What is on disk, by transition. */
  const rows = new Map<string, readonly Row[]>()
  let next = 0
  const remove = (gone: readonly Row[]): void => {
    for (const { number } of gone) if (number !== undefined) files.revisions.removeSync(number)
  }
  const forget = (id: string): void => {
    remove(rows.get(id) ?? [])
    rows.delete(id)
  }
  const write = (row: Row): Row => {
    if (!row.transition) return row
    files.revisions.putSync(next, codec.encode(row.transition))
    return rowOf(row.transition, next++)
  }
  const clear = (): Recalled => {
    rows.clear()
    next = 0
    files.env.transactionSync(() => {
      files.revisions.clearSync()
      files.left.clear()
      files.meta.removeSync(META)
    })
    return { transitions: [], left: [] }
  }
  const read = (): Recalled => {
    rows.clear()
    const transitions = [...files.revisions.getRange()].map(({ key, value }) => {
      const transition = codec.decode(value)
      const { transition_id: id } = transition
      rows.set(id, [...(rows.get(id) ?? []), rowOf(transition, key)])
      next = key + 1
      return transition
    })
    return { transitions, left: files.left.read() }
  }
  return {
    recall(after) {
      try {
        return files.meta.get(META) === nameOf(after) ? read() : clear()
      } catch {
        // damage that the head of the file does not show
        void files.env.close()
        files = openAnew(folder)
        return clear()
      }
    },
    keep(taken, after, { holds, left }) {
      const told = byTransition(taken)
      files.env.transactionSync(() => {
        // what leaves comes first, and what has left again is never written: lmdb counts pages as its own that were freed before they
        // reached the file, and a file that is shorter than what it counts looks damaged
        for (const [id, [{ kind }]] of told) if (kind === 'initial') forget(id)
        for (const id of rows.keys()) if (!holds(id)) forget(id)
        const changed = [...told].flatMap(([id, revisions]) => {
          const all = [...(rows.get(id) ?? []), ...revisions.map(revision => rowOf(revision))]
          return holds(id) ? [{ id, all, kept: needed(all) }] : []
        })
        for (const { all, kept } of changed) remove(all.filter(row => !kept.includes(row)))
        for (const { id, kept } of changed) rows.set(id, kept.map(write))
        if (left) files.left.become(left())
        files.meta.putSync(META, nameOf(after))
      })
      forgetCrashes(folder)
    },
    close() {
      // who ends in order has not died of what it read
      forgetCrashes(folder)
      return files.env.close()
    },
  }
}

/** The first, and of the others, in order, those that say what no later one says. */
function needed([first, ...others]: readonly Row[]): Row[] {
  const kept: Row[] = []
  for (const row of others) {
    const covers = (before: Row): boolean => row.revision >= before.revision && (row.named || !before.named)
    while (kept.length > 0 && covers(kept[kept.length - 1])) kept.pop()
    kept.push(row)
  }
  return [first, ...kept]
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

const nameOf = ({ version, createdMs }: Kept): string => `${LAYOUT} ${version}/${createdMs}`
