/**
 * The move: sealed chains and their inputs, from one prefix to another, shared out anew by user. The new chains say of
 * themselves what recovery believes: inputs up to here, outputs these. So tasks that start there fold the same events,
 * decisions and transitions as before, each user's in their order, and go on where the old ones were sealed. What was
 * emitted is read, not emitted again; what was not yet taken stands behind the new positions and is taken then.
 */
import type { ModelVersion, Recommendation, Transition } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { batchesOf } from '../../evaluation/audit/read.ts'
import type { InputPosition } from '../../log/chain/header.ts'
import type { LogRecord, NewRecord } from '../../log/log.ts'
import { partitionFor } from '../../log/partition.ts'
import { type TopicName, topicName } from '../../pipeline.ts'
import type { DecidedId } from '../../ranker/decided.ts'
import { bare, gather, type NewChain, openNewChain, type Place } from './chains.ts'
import { type Forgotten, forgottenIn } from './forgotten.ts'
import { type EventEnds, moveEvents, moveProfiles, moveRequests, takenByBoth } from './inputs.ts'
import { type Moving, nextIn, read } from './moving.ts'
import { movePeople, type NewRanker } from './people.ts'
import { range } from './plain.ts'

export interface Moved {
  /** Of whom rankers know something. */
  readonly people: number
  readonly decisions: number
  readonly transitions: number
  /** Decisions whose transitions retention has cut: they can't be corrected any more and are left out. */
  readonly leftOut: number
  /** Decisions of before their user was forgotten: left out. */
  readonly forgotten: number
  /** The new chains by the stage that goes on with them. */
  readonly chains: Readonly<Record<'ranker' | 'joiner' | 'learner' | 'gate', readonly NewChain[]>>
}

const EVENTS_A_STEP = 2000

/** The new chains of one topic, and how far its reader had come in each. */
interface Chains {
  readonly chains: readonly NewChain[]
  /** Index after the last step that the next stage has taken. */
  readonly taken: number[]
}

function openChains({ io, to, becomes, tick }: Moving, topic: TopicName): NewChain[] {
  return range(becomes).map(partition => openNewChain(io, { topic: topicName(to, topic), partition }, becomes, tick))
}

/** Kept decisions by old partition: those whose transitions are all there. */
type Kept = readonly Set<string>[]

async function moveDecisions(
  moving: Moving,
  events: EventEnds,
  profiles: readonly number[],
  forgotten: readonly Forgotten[],
): Promise<Chains & { kept: Kept; rankers: readonly NewRanker[]; count: number; leftOut: number }> {
  const chains = openChains(moving, 'recommendations')
  const positions = (q: number, next: { events: number; profiles: number }): InputPosition[] => [
    { topic: 'profiles', partition: q, next: next.profiles },
    { topic: 'events', partition: q, next: next.events },
    { topic: 'requests', partition: q, next: 0 },
  ]
  const final = range(moving.becomes).map(q => ({ events: events.ranker[q]!, profiles: profiles[q]! }))
  for (const [q, chain] of chains.entries()) {
    const { events: last, profiles: all } = final[q]!
    for (let next = 0; next < last || chain.places.length === 0; ) {
      next = Math.min(next + EVENTS_A_STEP, last)
      await chain.step(positions(q, { events: next, profiles: all }))
    }
  }
  const gathered = chains.map((chain, q) => gather(async all => void (await chain.step(positions(q, final[q]!), all))))
  const kept = range(moving.was).map(() => new Set<string>())
  const rankers = chains.map(chain => ({ chain, decided: [] as DecidedId[] }))
  let [count, leftOut] = [0, 0]
  const pass = async (isTaken: boolean): Promise<void> => {
    for (const p of range(moving.was)) {
      const next = nextIn(moving.sealed.transitions[p], 'recommendations', p)
      const first = isTaken ? await firstWhole(moving, p) : 0
      for await (const record of accepted(moving, 'recommendations', p)) {
        if (record.offset < next !== isTaken || forgotten[p]!.decisions.has(record.offset)) continue
        const decision = await read<Recommendation>(moving, 'recommendations', record)
        if (decision === null) continue
        const q = partitionFor(decision.user_id, moving.becomes)
        // of those that are left out, too: they are not decided again
        rankers[q]!.decided.push({ id: decision.decision_id, timeMs: decision.decision_time_ms })
        if (moving.letters.code('joiner', 'recommendations', p, record.offset)) continue
        if (record.offset < first) leftOut++
        else {
          count++
          kept[p]!.add(decision.decision_id)
          await gathered[q]!.add(bare(record))
        }
      }
    }
    for (const each of gathered) await each.flush()
  }
  await pass(true)
  const taken = chains.map(chain => chain.places.length)
  await pass(false)
  return { chains, taken, kept, rankers, count, leftOut }
}

/** Where the decisions begin of which every transition is still there. */
async function firstWhole(moving: Moving, partition: number): Promise<number> {
  for await (const { header } of batchesOf(sourceOf(moving), { topic: 'transitions', partition }))
    return header.prev === null || header.from !== undefined ? 0 : nextIn(header, 'recommendations', partition)
  return 0
}

const sourceOf = ({ io, wire, config, from }: Moving) => ({ log: io.log, wire, config, prefix: from })

async function* accepted(moving: Moving, topic: TopicName, partition: number): AsyncGenerator<LogRecord> {
  for await (const { records } of batchesOf(sourceOf(moving), { topic, partition })) yield* records
}

/** Returns how many of the copied transitions the learners have learned. */
async function moveTransitions(
  moving: Moving,
  decisions: Chains & { kept: Kept },
  events: EventEnds,
): Promise<Chains & { count: number; learned: number }> {
  const chains = openChains(moving, 'transitions')
  const positions = (q: number, place: Place | undefined, next: number): InputPosition[] => [
    { topic: 'recommendations', partition: q, next: place?.next ?? 0, ...(place && { head: place.head }) },
    { topic: 'events', partition: q, next },
  ]
  for (const [q, chain] of chains.entries()) {
    const places = decisions.chains[q]!.places.slice(0, decisions.taken[q])
    const last = events.both[q]!
    const steps = Math.max(1, places.length, Math.ceil(last / EVENTS_A_STEP))
    for (let i = 1; i <= steps; i++) {
      const place = places[Math.min(i, places.length) - 1]
      await chain.step(positions(q, place, Math.min(last, i * EVENTS_A_STEP)))
    }
  }
  const end = (q: number) => positions(q, decisions.chains[q]!.places[decisions.taken[q]! - 1], events.both[q]!)
  const gathered = chains.map((chain, q) => gather(async all => void (await chain.step(end(q), all))))
  let count = 0
  const pass = async (isLearned: boolean): Promise<void> => {
    for (const p of range(moving.was)) {
      const learners = moving.sealed.models.map(header => nextIn(header, 'transitions', p))
      const next = Math.min(...learners)
      for await (const record of accepted(moving, 'transitions', p)) {
        if (record.offset < next !== isLearned) continue
        // all learners read one new order, so they must have come equally far in the old one
        if (record.offset >= next && record.offset < Math.max(...learners))
          throw new FeedloopError('DEADLINE_EXCEEDED', `learners stand at ${learners} of transitions/${p}: drain first`)
        const transition = await read<Transition>(moving, 'transitions', record)
        if (transition === null || !decisions.kept[p]!.has(transition.decision_id)) continue
        count++
        await gathered[partitionFor(transition.user_id, moving.becomes)]!.add(bare(record))
      }
    }
    for (const each of gathered) await each.flush()
  }
  await pass(true)
  const taken = chains.map(chain => chain.places.length)
  const learned = count
  await pass(false)
  return { chains, taken, count, learned }
}

interface MovedModels {
  readonly chain: NewChain
  /** The old partition; undefined: of a new policy. */
  readonly from: number | undefined
  /** Those that were copied, in order. */
  readonly offsets: readonly number[]
}

/** Models from the last full checkpoint on, as of the new positions, for each policy. */
async function moveModels(moving: Moving, transitions: Chains & { learned: number }): Promise<MovedModels[]> {
  const inputs = transitions.chains.map(({ places }, q): InputPosition => {
    const place = places[transitions.taken[q]! - 1]!
    return { topic: 'transitions', partition: q, next: place.next, head: place.head }
  })
  const contains = inputs.map(({ topic, partition, next }) => ({ topic, partition, next }))
  const moved: MovedModels[] = []
  for (const [partition, from] of moving.modelsFrom.entries()) {
    const at = { topic: topicName(moving.to, 'models'), partition }
    const chain = openNewChain(moving.io, at, moving.modelsFrom.length, moving.tick)
    const offsets: number[] = []
    const { name } = moving.config.policies[partition]!
    for await (const record of from === undefined ? [] : sinceLastFull(moving, from, name)) {
      const model = await read<ModelVersion>(moving, 'models', record)
      if (model === null) throw new FeedloopError('MODEL_INCOMPATIBLE', `models/${from}@${record.offset} is unreadable`)
      const value = moving.wire.encode('models', { ...model, contains, transitions: transitions.learned })
      await chain.step(inputs, [{ ...bare(record), value }])
      offsets.push(record.offset)
    }
    if (offsets.length === 0) await chain.step(inputs)
    moved.push({ chain, from, offsets })
  }
  return moved
}

async function* sinceLastFull(moving: Moving, partition: number, policy: string): AsyncGenerator<LogRecord> {
  const start = await lastFull(moving, partition, policy)
  for await (const record of accepted(moving, 'models', partition)) if (record.offset >= start) yield record
}

/** Of the policy, which may have had another name in between; or of whose the newest version is. */
async function lastFull(moving: Moving, partition: number, policy: string): Promise<number> {
  const offsets = new Map<string, number>()
  let newest = policy
  for await (const record of accepted(moving, 'models', partition)) {
    const model = await read<ModelVersion>(moving, 'models', record)
    newest = model?.policy ?? newest
    if (model?.base_version === null) offsets.set(model.policy, record.offset)
  }
  return offsets.get(policy) ?? offsets.get(newest) ?? 0
}

async function moveReleases(moving: Moving, models: readonly MovedModels[]): Promise<NewChain> {
  const chain = openNewChain(moving.io, { topic: topicName(moving.to, 'releases'), partition: 0 }, 1, moving.tick)
  const inputs = models.map(({ chain: { places }, from, offsets }, partition): InputPosition => {
    const end = from === undefined ? 0 : nextIn(moving.sealed.releases, 'models', from)
    const judged = offsets.filter(offset => offset < end).length
    const place = places[judged - 1]
    const position = { topic: 'models', partition, next: place?.next ?? 0 }
    return place ? { ...position, head: place.head } : position
  })
  await chain.step(inputs)
  const gathered = gather(async (all: readonly NewRecord[]) => void (await chain.step(inputs, all)))
  for await (const record of accepted(moving, 'releases', 0)) await gathered.add(bare(record))
  await gathered.flush()
  return chain
}

/** Moves everything that belongs to people, and what was learned of them. */
export async function moveAll(moving: Moving): Promise<Moved> {
  const forgotten: Forgotten[] = []
  for (const p of range(moving.was)) forgotten.push(await forgottenIn(moving, p, takenByBoth(moving, p)))
  const events = await moveEvents(moving, forgotten)
  await moveRequests(moving)
  const profiles = await moveProfiles(moving)
  const decisions = await moveDecisions(moving, events, profiles, forgotten)
  const people = await movePeople(moving, decisions.rankers)
  const transitions = await moveTransitions(moving, decisions, events)
  const models = await moveModels(moving, transitions)
  const releases = await moveReleases(moving, models)
  return {
    people,
    decisions: decisions.count,
    transitions: transitions.count,
    leftOut: decisions.leftOut,
    forgotten: forgotten.reduce((sum, { decisions: gone }) => sum + gone.size, 0),
    chains: {
      ranker: decisions.chains,
      joiner: transitions.chains,
      learner: models.map(({ chain }) => chain),
      gate: [releases],
    },
  }
}
