/** The people of a run: they ask, see what was decided (most only what is accepted, some anything that is in the log),
 * and act on it. They write straight to the log, as often as the plan says. */
import type { BehaviorEvent, Recommendation, Request } from '../../schemas/records.ts'
import { FORGET, forgetEvent } from '../events/forget.ts'
import type { SimulatedPartition } from '../log/chain/simulation/log.ts'
import { viewChain } from '../log/chain/simulation/oracle.ts'
import type { World } from '../log/chain/simulation/world.ts'
import type { LogRecord } from '../log/log.ts'
import { partitionFor } from '../log/partition.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { TopicName } from '../pipeline.ts'
import { type Act, type Ask, type Do, items, type Noise, PARTITIONS, type React, users } from './plan.ts'

export interface People {
  /** Everything that they will ever do is in the log. */
  readonly quiet: boolean
  /** When the last of it came, ms. */
  readonly lastMs: number
}

export interface PeopleOptions {
  readonly world: World
  readonly wire: Wire
  readonly find: (topic: TopicName, partition: number) => SimulatedPartition
  readonly acts: readonly Act[]
  /** The world's zero, ms since the epoch. */
  readonly epochMs: number
}

export function startPeople(options: PeopleOptions): People {
  const { world, wire, find, acts, epochMs } = options
  let awaited = 0
  let lastMs = 0
  const later = (ms: number, what: () => void): void => {
    awaited++
    world.after(ms, () => {
      awaited--
      what()
    })
  }
  const now = (): number => epochMs + Math.floor(world.nowMs)
  const put = (topic: 'requests' | 'events', user: string, value: Request | BehaviorEvent): void => {
    const at = find(topic, partitionFor(user, PARTITIONS))
    lastMs = world.nowMs
    const record = { key: Buffer.from(user), value: wire.encode(topic, value) }
    const offset = at.append([record], world.nowMs)
    world.trace(
      `${user} writes ${topic}/${at.partition}@${offset} ${topic === 'events' ? told(value as BehaviorEvent) : (value as Request).request_id}`,
    )
  }
  const ask = (one: Ask): void => {
    const request: Request = {
      ...blankRequest,
      request_id: one.id,
      user_id: one.user,
      session_id: one.session,
      time_ms: now(),
      slots: one.slots,
      deferred: one.deferred,
    }
    put('requests', one.user, request)
    for (const { afterMs, other } of one.again)
      later(afterMs, () =>
        put('requests', one.user, other ? { ...request, time_ms: now(), slots: 1, context: { odd: true } } : request),
      )
  }
  const send = (event: BehaviorEvent, { lateMs, again }: { lateMs: number; again: React['again'] }): void => {
    later(lateMs, () => {
      put('events', event.user_id, event)
      for (const { afterMs, other } of again)
        later(afterMs, () => put('events', event.user_id, other ? { ...event, value: (event.value ?? 0) + 1 } : event))
    })
  }
  const act = (one: Do): void =>
    send(
      one.type === FORGET
        ? forgetEvent(one.user, one.id, now())
        : { ...blankEvent, event_id: one.id, user_id: one.user, item_id: one.item, type: one.type, time_ms: now() },
      { ...one, again: [] },
    )
  const disturb = ({ topic, how, id, user }: Noise): void => {
    const right = partitionFor(user, PARTITIONS)
    const at = find(topic, how === 'misplaced' ? (right + 1) % PARTITIONS : right)
    const time_ms = now() + (how === 'future' ? 10 * DAY_MS : 0)
    const value =
      topic === 'requests'
        ? { ...blankRequest, request_id: id, user_id: user, session_id: user, time_ms }
        : { ...blankEvent, event_id: id, user_id: user, type: 'view', time_ms }
    const bytes = how === 'garbage' ? Buffer.from('?') : wire.encode(topic, value)
    lastMs = world.nowMs
    const offset = at.append([{ key: Buffer.from(user), value: bytes }], world.nowMs)
    world.trace(`${user} writes ${topic}/${at.partition}@${offset} ${id}, which is ${how}`)
  }
  const react = (one: React, decision: Recommendation): void =>
    later(one.afterMs, () => send(reactionTo(one, decision, now()), one))

  const reactions = Map.groupBy(
    acts.filter(one => one.act === 'react'),
    one => one.to,
  )
  const see = (record: LogRecord, isOf: (one: React) => boolean): void => {
    const decision = wire.decode('recommendations', record.value!) as Recommendation
    for (const one of reactions.get(decision.decision_id) ?? []) if (isOf(one)) react(one, decision)
  }
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const at = find('recommendations', partition)
    const chain = viewChain(at)
    const reacted = new Set<string>()
    let [stored, accepted] = [0, 0]
    at.watchers.add(() => {
      for (; stored < at.batches.length; stored++)
        for (const record of decisionsOf(at.batches[stored]!))
          see(record, one => one.flaw === 'hasty' && !reacted.has(one.id) && reacted.add(one.id) !== undefined)
      const batches = chain.accepted()
      for (; accepted < batches.length; accepted++)
        for (const record of decisionsOf(batches[accepted]!)) see(record, one => one.flaw !== 'hasty')
    })
  }
  for (const one of acts) {
    if (one.act === 'ask') later(one.atMs, () => ask(one))
    if (one.act === 'do') later(one.atMs, () => act(one))
    if (one.act === 'noise') later(one.atMs, () => disturb(one))
  }
  return {
    get quiet() {
      return awaited === 0
    },
    get lastMs() {
      return lastMs
    },
  }
}

const decisionsOf = ({ header, records }: { header: { outputs: number } | null; records: readonly LogRecord[] }) =>
  header!.outputs === 0 ? [] : records

function reactionTo(one: React, decision: Recommendation, timeMs: number): BehaviorEvent {
  const slot = decision.slots[one.slot]
  const event: BehaviorEvent = {
    ...blankEvent,
    event_id: one.id,
    user_id: decision.user_id,
    session_id: decision.session_id,
    decision_id: decision.decision_id,
    item_id: slot?.item_id ?? null,
    slot: slot ? one.slot : null,
    type: one.type,
    slate_hash: decision.slate_hash,
    value: one.value,
    time_ms: timeMs,
  }
  if (one.flaw === 'hash') return { ...event, slate_hash: 'another' }
  if (one.flaw === 'user') return { ...event, user_id: users.find(user => user !== decision.user_id)! }
  if (one.flaw === 'slot') return { ...event, slot: 7, item_id: null }
  if (one.flaw === 'nameless') return { ...event, decision_id: null, slot: null, slate_hash: null }
  return event
}

const told = ({ event_id, type, decision_id }: BehaviorEvent): string =>
  `${event_id}: ${type} on ${decision_id ?? 'nothing'}`

const DAY_MS = 86_400_000

const blankRequest: Omit<Request, 'request_id' | 'user_id' | 'session_id' | 'time_ms'> = {
  policy: 'default',
  deadline_ms: null,
  slots: 1,
  context: {},
  candidates: [...items],
  baseline: items.slice(0, 3),
  excluded: null,
  pinned: null,
  deferred: false,
  explain: false,
}
const blankEvent: Omit<BehaviorEvent, 'event_id' | 'user_id' | 'type' | 'time_ms'> = {
  session_id: null,
  decision_id: null,
  item_id: null,
  slot: null,
  slate_hash: null,
  value: null,
}
