/**
 * What a person did and was shown before they were forgotten is not moved: the new chains keep each person's order within
 * a topic, not between topics, and a `$forget` says nothing where it is not known what it came after. So with what it
 * erased it is left out itself, once ranker and joiner have taken it; one that they have not taken moves as any event.
 */
import type { BehaviorEvent } from '../../../schemas/records.ts'
import { walkJoiner } from '../../evaluation/audit/walk.ts'
import { isForget } from '../../events/forget.ts'
import { topicName } from '../../pipeline.ts'
import { type Moving, read } from './moving.ts'
import { recordsIn } from './plain.ts'

/** Offsets of an old partition. */
export interface Forgotten {
  readonly decisions: ReadonlySet<number>
  readonly events: ReadonlySet<number>
}

/** @param to the event from which on it has not been taken by both */
export async function forgottenIn(moving: Moving, partition: number, to: number): Promise<Forgotten> {
  const last = await lastForgets(moving, partition, to)
  const decisions = new Set<number>()
  const events = new Set<number>()
  if (last.size === 0) return { decisions, events }
  const taken = await takenOf(moving, partition, new Set(last.keys()))
  const steps = new Map<string, number>()
  for (const { userId, offset, step } of taken.events) if (last.get(userId) === offset) steps.set(userId, step)
  // within a step the joiner takes decisions first
  for (const { userId, offset, step } of taken.decisions) if (step <= steps.get(userId)!) decisions.add(offset)
  for (const { userId, offset } of taken.events) if (offset <= last.get(userId)!) events.add(offset)
  return { decisions, events }
}

/** Offset of each person's last `$forget` that both have taken. */
async function lastForgets(moving: Moving, partition: number, to: number): Promise<Map<string, number>> {
  const last = new Map<string, number>()
  const at = { topic: topicName(moving.from, 'events'), partition }
  for await (const record of recordsIn(moving.io, at, { from: 0, to })) {
    const event = await read<BehaviorEvent>(moving, 'events', record)
    if (event && isForget(event)) last.set(event.user_id, record.offset)
  }
  return last
}

interface Taken {
  readonly userId: string
  readonly offset: number
  /** Number of the joiner's step. */
  readonly step: number
}

async function takenOf({ io, wire, config, from }: Moving, partition: number, users: ReadonlySet<string>) {
  const decisions: Taken[] = []
  const events: Taken[] = []
  const all = Number.POSITIVE_INFINITY
  await walkJoiner(
    { log: io.log, wire, config, prefix: from },
    {
      partition,
      until: { transitions: all, recommendations: all },
      visit: {
        decision({ offset, value }, moment) {
          if (value && moment && users.has(value.user_id))
            decisions.push({ userId: value.user_id, offset, step: moment.step })
        },
        event({ offset, value }, moment) {
          if (value && moment && users.has(value.user_id))
            events.push({ userId: value.user_id, offset, step: moment.step })
        },
        transition() {},
      },
    },
  )
  return { decisions, events }
}
