/**
 * What rankers keep of people, which is older than the events that are copied: each old ranker's state at its seal goes as
 * snapshots to where its people belong now. The new chains' positions say that they contain exactly what it has in it, so
 * the last step of each is the floor, and a new ranker folds nothing of what was before.
 */

import { FeedloopError } from '../../errors.ts'
import { recover } from '../../log/chain/recover.ts'
import { type ChainIo, retrying } from '../../log/chain/rim.ts'
import type { NewRecord } from '../../log/log.ts'
import { partitionFor } from '../../log/partition.ts'
import { topicName } from '../../pipeline.ts'
import { type DecidedId, pageKey } from '../../ranker/decided.ts'
import { containedAt, floorSnapshot, keyOfPage, pageSnapshot, snapshotOf } from '../../ranker/snapshot.ts'
import { openSnapshotTopic } from '../../ranker/snapshot-topic.ts'
import { withSnapshots } from '../../ranker/snapshots.ts'
import { heapTables, type RankerState } from '../../ranker/state.ts'
import { createRanker } from '../../ranker/step.ts'
import type { ChainPoint } from '../../stage.ts'
import { LAST_KEY } from '../../state/table.ts'
import { gather, type NewChain } from './chains.ts'
import type { Moving } from './moving.ts'
import { range } from './plain.ts'

/** A new ranker's chain, and the ids of its decisions. */
export interface NewRanker {
  readonly chain: NewChain
  readonly decided: readonly DecidedId[]
}

const IDS_A_PAGE = 500
const step = { intervalMs: 0, maxRecords: 2000, maxBytes: 4 << 20, progressMs: 1000, idleMs: 1000 }

/** @returns of how many people something is known */
export async function movePeople(moving: Moving, rankers: readonly NewRanker[]): Promise<number> {
  const { io, wire, to, becomes, was, sealed } = moving
  const topic = topicName(to, 'snapshots')
  const append = (partition: number) => async (records: readonly NewRecord[]) =>
    void (await retrying(io, () => io.log.append(topic, partition, records)))
  const record = (key: string, value: Parameters<typeof wire.encode>[1]): NewRecord => ({
    key: Buffer.from(key),
    value: wire.encode('snapshots', value),
  })
  const gathered = range(becomes).map(q => gather(append(q)))
  const points = rankers.map(({ chain }) => pointOf(chain))
  const contains = points.map(containedAt)
  let people = 0
  for (const p of range(was).filter(each => sealed.recommendations[each] !== null))
    await withState(moving, p, async ({ tables }) => {
      for (const userId of knownIn(tables)) {
        people++
        const q = partitionFor(userId, becomes)
        await gathered[q]!.add(record(userId, snapshotOf(tables, userId, contains[q]!)))
      }
    })
  for (const [q, { decided }] of rankers.entries()) {
    for (const ids of pagesOf(decided, moving.config.limits.requestDedupMs))
      await gathered[q]!.add(record(keyOfPage(pageKey(ids[0]!)), pageSnapshot(ids, contains[q]!)))
    await gathered[q]!.flush()
    const { latest } = await retrying(io, () => io.log.ends(topic, q))
    await append(q)([record('', floorSnapshot({ point: JSON.stringify(points[q]), since: 0, until: latest }))])
  }
  return people
}

const pointOf = ({ last }: NewChain): ChainPoint => ({
  head: { offset: last!.baseOffset, id: last!.header.id },
  header: last!.header,
})

/** What is asked before anything is sealed: whether the old topics still tell all that a ranker knows of people.
 * @throws FeedloopError OFFSET_OUT_OF_RANGE when retention has cut them and no floor in `snapshots` stands for what is gone */
export async function checkKnown(
  moving: Omit<Moving, 'sealed' | 'modelsFrom' | 'letters' | 'tick'>,
  partition: number,
): Promise<void> {
  const { io, from: prefix } = moving
  const topic = await openSnapshotTopic(io, { ...moving, prefix, partition })
  const { floor } = await topic.lastFloor()
  if (floor?.point) return
  for (const name of ['recommendations', 'events', 'requests'] as const) {
    const at = topicName(prefix, name)
    if ((await retrying(io, () => io.log.ends(at, partition))).earliest === 0) continue
    const detail = `${at}/${partition} has lost its beginning, and ${prefix}snapshots/${partition} has no floor: let the ranker write one`
    throw new FeedloopError('OFFSET_OUT_OF_RANGE', detail)
  }
}

/** As it is, but nothing can be written to it. */
const onlyRead = (io: ChainIo): ChainIo => {
  const append = async (topic: string) => {
    throw new FeedloopError('CHAIN_IDENTITY_LOST', `${topic} is only read, and does not fit its chain`)
  }
  return { ...io, log: { ...io.log, append } }
}

/** Lends the state of an old partition's ranker after its last step. */
async function withState(moving: Moving, partition: number, use: (state: RankerState) => Promise<void>): Promise<void> {
  const { io: own, wire, config, meter, logger, from: prefix } = moving
  // It is sealed, and only read: snapshots that wait to be written are not.
  const io = { ...onlyRead(own), rules: { ...own.rules, keepsPartitions: () => true } }
  const pace = { retryMs: Number.POSITIVE_INFINITY }
  const options = { io, wire, config, meter, logger, partition, pace }
  const session = await recover<RankerState, never>({
    options: {
      ...{ log: io.log, wire, meter, logger, prefix, step, now: io.rim.now },
      stage: createRanker(config, async () => withSnapshots(options, heapTables())),
      inputs: (['profiles', 'events', 'requests'] as const).map(topic => ({ topic, partition })),
      output: { topic: 'recommendations', partition },
      view: () => {
        throw new Error('a sealed chain takes no step')
      },
    },
    io,
    squeeze: { records: step.maxRecords, time: 1 },
    notify: () => {},
  })
  const known = checkKnown(moving, partition).then(() => use(session.state))
  await known.finally(session.close)
}

function* knownIn({ people, sessions }: RankerState['tables']): Iterable<string> {
  for (const [userId] of people.range('', LAST_KEY)) yield userId
  for (const [userId] of sessions.range('', LAST_KEY)) if (people.get(userId) === undefined) yield userId
}

/** Those that still count, some of about the same time together. */
function* pagesOf(decided: readonly DecidedId[], windowMs: number): Iterable<readonly DecidedId[]> {
  const newestMs = decided.reduce((newest, { timeMs }) => Math.max(newest, timeMs), 0)
  const ids = decided.filter(({ timeMs }) => timeMs >= newestMs - windowMs).sort((a, b) => a.timeMs - b.timeMs)
  for (let from = 0; from < ids.length; from += IDS_A_PAGE) yield ids.slice(from, from + IDS_A_PAGE)
}
