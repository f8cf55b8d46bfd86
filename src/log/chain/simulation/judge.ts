/** What the end of a simulated history is asked besides the oracle's sequential runs. */
import { parseDeadLetter } from '../../deadletters.ts'
import { createReader } from '../reader.ts'
import type { ChainRules } from '../rules.ts'
import type { Loss, Topics } from './history.ts'
import type { SimulatedPartition, StoredBatch } from './log.ts'
import type { Known, Members } from './members.ts'
import { running, unaware } from './members.ts'
import type { AcceptedInLog } from './oracle.ts'
import { headIn } from './oracle.ts'
import { refusable } from './stages.ts'
import type { World } from './world.ts'

const isBatch = ({ offset, id }: Known, { base, header }: { base: number; header: { id: string } | null }): boolean =>
  base === offset && header?.id === id

export type Chains = ReadonlyMap<string, readonly AcceptedInLog[]>

/** A step that its writer believed accepted, or a batch that a follower was given, is accepted; a follower misses none. */
export function believedWrongly({ believed, all }: Members, chains: Chains): string | null {
  const lie = believed.find(one => !chains.get(one.topic)!.some(batch => isBatch(one, batch)))
  if (lie !== undefined) return `${lie.topic}@${lie.offset}/${lie.id} was believed accepted`
  for (const { process, writes, known } of all) {
    if (writes !== null) continue
    const wrong = known.find((one, i) => !isBatch(one, chains.get(one.topic)![i]!))
    if (wrong !== undefined) return `${process.name} was given ${wrong.offset}/${wrong.id}`
  }
  return null
}

/** Whoever took a batch as accepted that was lost has stopped, and whoever goes on from a step that names it. One of which a late copy came to the same place is not lost. */
export function unnoticed(
  members: Members,
  losses: readonly Loss[],
  partitions: Topics,
  chains: Chains,
): string | null {
  for (const { topic, from, to, batches } of losses) {
    const now = chains.get(topic)!
    const isLost = (known: Known): boolean =>
      known.topic === topic &&
      batches.some(batch => isBatch(known, batch)) &&
      !partitions.get(topic)!.batches.some(batch => isBatch(known, batch))
    const grownPast = now.some(({ base, header: { prev } }) => base >= from && prev !== null && prev.offset >= to)
    const { latest } = partitions.get(topic)!
    const decided = ({ offset }: Known): boolean => grownPast || latest <= offset
    const stray = strayIn(partitions.get(topic)!, batches)
    const found = unaware(members, isLost, { decided, writes: stray ? topic : null })
    if (found !== undefined) return `${found.process.name} goes on after ${topic} from ${to} on was lost`
    const names = members.believed.find(
      one => one.inputs.some(isLost) && chains.get(one.topic)!.some(batch => isBatch(one, batch)),
    )
    const heir = stray || names === undefined ? undefined : running(members, names.topic)
    if (heir !== undefined) return `${heir.process.name} goes on from ${names!.offset}, which names a lost batch`
  }
  return null
}

/** A batch that was under way when the one that it names was lost, and came to stand where that one's readers went on: they
 * follow it. Whoever reads the log anew stops there. */
const strayIn = ({ batches }: SimulatedPartition, lost: readonly StoredBatch[]): boolean =>
  batches.some(({ header }) => header?.prev && lost.some(batch => isBatch({ topic: '', ...header.prev! }, batch)))

/** A reader that had read a loser's batch, which was lost, while what took its place ended at the very same offset: a late
 * rival that names the reader's head is then accepted by it alone. The next batch of the chain shows it. */
export const misled = ({ believed }: Members, losses: readonly Loss[], partitions: Topics, chains: Chains): boolean =>
  losses.some(({ topic, from, to }) =>
    partitions.get(topic)!.batches.some(({ base, header }) => {
      const late = base >= from && header?.prev && header.prev.offset < to
      const isIt = (known: Known): boolean => known.topic === topic && isBatch(known, { base, header })
      const names = late && believed.some(({ inputs }) => inputs.some(isIt))
      return names && !chains.get(topic)!.some(batch => batch.base === base)
    }),
  )

/** Every record that could not be read or was refused is in the dead letters. */
export function lettersMissing(partitions: Topics, prefix = ''): string | null {
  const buried = new Set(
    partitions.get('dead-letters')!.batches.flatMap(batch => batch.records.map(record => parseDeadLetter(record)?.id)),
  )
  for (const topic of ['requests', 'events']) {
    for (const { records } of partitions.get(topic)!.batches) {
      const record = records[0]!
      const refused = record.value![0] === 63 || refusable(JSON.parse(record.value!.toString()))
      if (refused && !buried.has(`${prefix}${topic}/0/${record.offset}`))
        return `${topic}@${record.offset} is in no dead letter`
    }
  }
  return null
}

/** Reads from the beginning, from a stored head and from any offset, in pieces of any size. */
export function readsDiffer(
  world: World,
  partition: SimulatedPartition,
  chain: readonly AcceptedInLog[],
  rules: ChainRules,
): string | null {
  const records = partition.batches.flatMap(batch => batch.records)
  const read = (from: number, reader: ReturnType<typeof createReader>): string => {
    const found: number[] = []
    for (let at = from; at < records.length; ) {
      const piece = records.slice(at, at + 1 + world.below(6))
      at += piece.length
      for (const batch of reader.feed(piece)) found.push(batch.head.offset)
    }
    return found.join()
  }
  const expected = (from: number): string =>
    chain
      .filter(batch => batch.base >= from)
      .map(batch => batch.base)
      .join()
  const differs = (how: string, found: string, due: string): string | null =>
    found === due ? null : `${partition.topic} read from ${how} differs: ${found} for ${due}`
  const head = chain[world.below(chain.length)]
  const offset = world.below(partition.latest + 1)
  const witnessed = chain.some(({ header: { prev } }) => prev !== null && prev.offset >= offset)
  return (
    differs('its beginning', read(0, createReader({ from: 'genesis' }, rules)), expected(0)) ??
    (head &&
      differs(
        `head ${head.base}`,
        read(head.base, createReader({ from: 'head', head: headIn(head), reread: true }, rules)),
        expected(head.base),
      )) ??
    differs(
      `offset ${offset}`,
      read(offset, createReader({ from: 'offset', offset }, rules)),
      witnessed ? expected(offset) : '',
    )
  )
}
