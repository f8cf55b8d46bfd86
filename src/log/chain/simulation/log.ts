/**
 * A log that does everything that the promise in `log.ts` allows: appends are delayed, repeated, lost, or stored without
 * an acknowledgement; the front is removed; and, against the promise, it can be rolled back.
 */
import { FeedloopError } from '../../../errors.ts'
import type { Ends, Log, LogRecord, NewRecord, ReadOptions } from '../../log.ts'
import type { StepHeader } from '../header.ts'
import { STEP_HEADER } from '../header.ts'
import type { Process, World } from './world.ts'

export interface StoredBatch {
  readonly base: number
  /** Offset behind its last record, which compaction may have removed. */
  readonly end: number
  readonly records: readonly LogRecord[]
  readonly header: StepHeader | null
}

export interface SimulatedPartition {
  readonly topic: string
  readonly partition: number
  /** Everything ever stored, but for what was rolled back. */
  readonly batches: StoredBatch[]
  earliest: number
  latest: number
  append(records: readonly NewRecord[], nowMs: number): number
  /** Returns what is lost. */
  rollBackTo(offset: number): readonly StoredBatch[]
  /** Called at every change of the end. */
  readonly watchers: Set<() => void>
}

export function createPartition(topic: string, partition = 0): SimulatedPartition {
  return {
    topic,
    partition,
    batches: [],
    earliest: 0,
    latest: 0,
    watchers: new Set(),
    append(records, nowMs) {
      const base = this.latest
      const stored = records.map((record, i) => ({
        topic,
        partition,
        offset: base + i,
        key: record.key,
        value: record.value,
        headers: record.headers ?? {},
        timestampMs: record.timestampMs ?? nowMs,
      }))
      const bytes = stored[0]!.headers[STEP_HEADER]
      this.batches.push({
        base,
        end: base + stored.length,
        records: stored,
        header: bytes === undefined ? null : (JSON.parse(bytes.toString()) as StepHeader),
      })
      this.latest = base + stored.length
      for (const watcher of [...this.watchers]) watcher()
      return base
    },
    rollBackTo(offset) {
      const kept = this.batches.findIndex(batch => batch.base >= offset)
      const lost = kept < 0 ? [] : this.batches.splice(kept)
      this.latest = offset
      this.earliest = Math.min(this.earliest, offset)
      return lost
    },
  }
}

/** How likely an append goes wrong, by way. */
export interface Trouble {
  /** Stored, not acknowledged. */
  readonly lostAck: number
  /** Not acknowledged, stored later. */
  readonly late: number
  readonly lost: number
  /** Stored twice, acknowledged with either offset. */
  readonly repeated: number
  /** A read or a question fails and may be asked again. */
  readonly unavailable: number
}

export const noTrouble: Trouble = { lostAck: 0, late: 0, lost: 0, repeated: 0, unavailable: 0 }

export interface Sea {
  readonly world: World
  find(topic: string, partition: number): SimulatedPartition | undefined
  partitionCount(topic: string): number
  trouble(): Trouble
  /** The disk is full: nothing is stored there, and every append is told so. */
  readonly full?: (at: SimulatedPartition) => boolean
  /** Changes what is appended: only tests that take a rule out do so. */
  readonly tamper?: (topic: string, records: readonly NewRecord[]) => readonly NewRecord[]
}

/** The log as one process sees it. */
export function openSimulatedLog(sea: Sea, process: Process): Log {
  const { world } = sea
  const partitionOf = (topic: string, partition: number): SimulatedPartition => {
    const found = sea.find(topic, partition)
    if (found === undefined) throw new FeedloopError('TOPIC_UNKNOWN', topic)
    return found
  }
  const lag = (): number => 0.2 + 4 * world.random() ** 3
  /** Asks after a while; the answer is as of then. */
  const ask = <T>(answer: () => T): Promise<T> =>
    new Promise((resolve, reject) =>
      process.deliver(lag(), () => {
        if (world.chance(sea.trouble().unavailable)) return reject(new FeedloopError('LOG_UNAVAILABLE', 'simulated'))
        try {
          resolve(answer())
        } catch (error) {
          reject(error)
        }
      }),
    )
  const append = (topic: string, partition: number, records: readonly NewRecord[]): Promise<number> => {
    const at = partitionOf(topic, partition)
    const place = nameOf(at)
    const store = (): number => at.append(sea.tamper?.(topic, records) ?? records, world.nowMs)
    return new Promise((resolve, reject) => {
      const uncertain = (ms: number): void =>
        process.deliver(ms, () => reject(new FeedloopError('APPEND_UNCERTAIN', 'simulated')))
      const trouble = sea.trouble()
      let dice = world.random()
      const is = (p: number): boolean => {
        dice -= p
        return dice < 0
      }
      const say = (how: string): void => world.trace(`${process.name} append to ${place}: ${how}`)
      if (sea.full?.(at)) {
        say('no room')
        return uncertain(3)
      }
      if (is(trouble.lost)) {
        say('lost')
        uncertain(5)
      } else if (is(trouble.late)) {
        say('late')
        world.after(5 + 120 * world.random(), () =>
          world.trace(`  late one of ${process.name} stored at ${place}@${store()}`),
        )
        uncertain(5)
      } else if (is(trouble.lostAck)) {
        world.after(lag(), () => world.trace(`${process.name} stored at ${place}@${store()}, ack lost`))
        uncertain(9)
      } else if (is(trouble.repeated)) {
        const second = world.chance(0.5)
        world.after(lag(), () => {
          const base = store()
          world.trace(`${process.name} stored at ${place}@${base}, and again`)
          if (!second) process.deliver(lag(), () => resolve(base))
          world.after(lag(), () => {
            const again = store()
            if (second) process.deliver(lag(), () => resolve(again))
          })
        })
      } else {
        world.after(lag(), () => {
          const base = store()
          world.trace(`${process.name} stored at ${place}@${base}`)
          process.deliver(lag(), () => resolve(base))
        })
      }
    })
  }
  const read = (
    topic: string,
    partition: number,
    offset: number,
    { maxBytes = 1 << 20, waitMs = 0 }: ReadOptions,
  ): Promise<LogRecord[]> => {
    const at = partitionOf(topic, partition)
    const few = world.chance(0.3) ? 1 : maxBytes
    if (offset !== at.latest || waitMs === 0) return ask(() => collect(at, offset, few))
    return new Promise((resolve, reject) => {
      let answered = false
      const answer = (): void => {
        if (answered) return
        answered = true
        at.watchers.delete(answer)
        ask(() => collect(at, offset, few)).then(resolve, reject)
      }
      at.watchers.add(answer)
      world.after(waitMs, answer)
    })
  }
  const never = (): never => {
    throw new Error('not simulated')
  }
  return {
    append,
    read: (topic, partition, offset, options = {}) => read(topic, partition, offset, options),
    ends: (topic, partition): Promise<Ends> =>
      ask(() => {
        const { earliest, latest } = partitionOf(topic, partition)
        return { earliest, latest }
      }),
    partitionCount: topic => ask(() => sea.partitionCount(topic)),
    offsetForTime: never,
    join: never,
    committed: never,
    describeTopics: never,
    createTopics: never,
    place: 'simulated',
    identity: 'simulated',
    close: async () => {},
  }
}

/** Whole batches from `offset` on, of about `maxBytes`. @throws FeedloopError OFFSET_OUT_OF_RANGE */
export function collect(at: SimulatedPartition, offset: number, maxBytes: number): LogRecord[] {
  if (offset < at.earliest || offset > at.latest)
    throw new FeedloopError('OFFSET_OUT_OF_RANGE', `${at.topic}@${offset} of ${at.earliest}..${at.latest}`)
  const records: LogRecord[] = []
  let bytes = 0
  for (let i = firstBatch(at.batches, offset); i < at.batches.length && bytes < maxBytes; i++) {
    for (const record of at.batches[i]!.records) {
      if (record.offset < offset) continue
      records.push(record)
      bytes += (record.value?.length ?? 0) + 20
    }
  }
  return records
}

/** For traces: most topics of a simulation have one partition. */
const nameOf = ({ topic, partition }: SimulatedPartition): string => (partition === 0 ? topic : `${topic}/${partition}`)

function firstBatch(batches: readonly StoredBatch[], offset: number): number {
  let low = 0
  let high = batches.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (batches[middle]!.end <= offset) low = middle + 1
    else high = middle
  }
  return low
}
