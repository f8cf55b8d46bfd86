/**
 * The move of what chains read. A new position is an end of a new partition, so what a stage has taken comes first in it
 * and what it has not taken after, whichever old partition it is from.
 */
import type { BehaviorEvent, Request, UserFeatures } from '../../../schemas/records.ts'
import type { LogRecord } from '../../log/log.ts'
import type { Forgotten } from './forgotten.ts'
import { type Moving, nextIn, read } from './moving.ts'
import { everything, range, shareOut } from './plain.ts'

/** What no stage has taken yet is not judged here: its key says where it belongs, and it may be refused there. */
const keyOf = ({ key }: LogRecord): string => key?.toString() ?? ''

/** Ends of the new `events` by partition, after what all have taken and after what the ranker alone has. */
export interface EventEnds {
  readonly both: readonly number[]
  readonly ranker: readonly number[]
}

const takenByRanker = ({ sealed }: Moving, p: number): number => nextIn(sealed.recommendations[p], 'events', p)

/** The event of an old partition from which on it has not been taken by both. */
export const takenByBoth = (moving: Moving, p: number): number =>
  Math.min(takenByRanker(moving, p), nextIn(moving.sealed.transitions[p], 'events', p))

export async function moveEvents(moving: Moving, forgotten: readonly Forgotten[]): Promise<EventEnds> {
  const { letters, was } = moving
  const ranker = range(was).map(p => takenByRanker(moving, p))
  const both = range(was).map(p => takenByBoth(moving, p))
  const taken = async (record: LogRecord): Promise<string | null> => {
    const code = letters.code('joiner', 'events', record.partition, record.offset)
    if (code !== undefined && code !== 'OUTCOME_ORPHAN') return null
    if (forgotten[record.partition]!.events.has(record.offset)) return null
    return (await read<BehaviorEvent>(moving, 'events', record))?.user_id ?? null
  }
  const untaken = async (record: LogRecord) =>
    (await read<BehaviorEvent>(moving, 'events', record))?.user_id ?? keyOf(record)
  const topic = 'events' as const
  const bothEnds = await shareOut(moving, { topic, ranges: both.map(to => ({ from: 0, to })), userOf: taken })
  const rankerEnds = await shareOut(moving, {
    topic,
    ranges: range(was).map(p => ({ from: both[p]!, to: ranker[p]! })),
    userOf: untaken,
  })
  await shareOut(moving, { topic, ranges: ranker.map(from => ({ ...everything, from })), userOf: untaken })
  return { both: bothEnds, ranker: rankerEnds }
}

/** Requests that were not decided; the ids of the others are in the decisions. */
export const moveRequests = (moving: Moving): Promise<number[]> =>
  shareOut(moving, {
    topic: 'requests',
    ranges: range(moving.was).map(p => ({
      ...everything,
      from: nextIn(moving.sealed.recommendations[p], 'requests', p),
    })),
    userOf: async record => (await read<Request>(moving, 'requests', record))?.user_id ?? keyOf(record),
  })

/** Profiles: what the ranker has taken first. Deletions are known by their key. @returns ends of what it has taken */
export async function moveProfiles(moving: Moving): Promise<number[]> {
  const taken = range(moving.was).map(p => nextIn(moving.sealed.recommendations[p], 'profiles', p))
  const userOf = async (record: LogRecord) =>
    (await read<UserFeatures>(moving, 'profiles', record))?.user_id ?? keyOf(record)
  const topic = 'profiles' as const
  const ends = await shareOut(moving, { topic, ranges: taken.map(to => ({ from: 0, to })), userOf })
  await shareOut(moving, { topic, ranges: taken.map(from => ({ ...everything, from })), userOf })
  return ends
}
