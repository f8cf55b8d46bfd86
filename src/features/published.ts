/** What the output topic of a features worker holds: all items, or the people of its partition. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { type ChainIo, retrying } from '../log/chain/rim.ts'
import type { LogRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { topicName } from '../pipeline.ts'
import type { Kind, Published } from './step.ts'
import { createVersions, type Versions } from './versions.ts'

export interface PublishedReader {
  /** The newest of each id. Who publishes adds to it. */
  readonly known: Map<string, Published>
  readonly versions: Versions
  /** Takes what came since the last time. @returns what was the newest of its id and has been deleted since
   * @throws Stopped, and what the log throws for good */
  catchUp(): Promise<readonly Published[]>
}

/** What it is read with. */
export interface Bus {
  readonly config: Config
  readonly wire: Wire
  readonly logger: Pick<Logger, 'error'>
}

/** @param inputPartition of the worker */
export function readPublished<In, Out>(
  bus: Bus,
  io: ChainIo,
  kind: Kind<In, Out>,
  inputPartition: number,
): PublishedReader {
  const { log } = io
  const topic = topicName(bus.config.topics.prefix, kind.output)
  const known = new Map<string, Published>()
  const versions = createVersions()
  const offsets = new Map<number, number>()

  const take = async (record: LogRecord, deleted: Map<string, Published>): Promise<void> => {
    const key = record.key?.toString() ?? ''
    if (record.value === null) return forget(key, deleted)
    const value = await decodeOrPass<Out>(io, bus, kind.output, record)
    // what can't be read is encoded again
    if (value === null) return
    const published = kind.published(value)
    const { id, timeMs } = published
    if (kind.what === 'item') versions.put({ id, key, timeMs, loggedMs: record.timestampMs })
    deleted.delete(id)
    if (!(timeMs < (known.get(id)?.timeMs ?? 0))) known.set(id, published)
  }
  const forget = (key: string, deleted: Map<string, Published>): void => {
    const id = kind.idOf(key)
    const published = known.get(id)
    versions.drop(id, key)
    if (published === undefined || kind.key(published) !== key) return
    known.delete(id)
    deleted.set(id, published)
  }
  return {
    known,
    versions,
    async catchUp() {
      const deleted = new Map<string, Published>()
      const partitions = await retrying(io, () => log.partitionCount(topic))
      const all = Array.from({ length: partitions }, (_, partition) => partition)
      for (const partition of kind.what === 'item' ? all : [inputPartition]) {
        const { earliest, latest } = await retrying(io, () => log.ends(topic, partition))
        let offset = Math.max(earliest, offsets.get(partition) ?? 0)
        while (offset < latest) {
          const options = { waitMs: 200, signal: io.signal }
          const records = await retrying(io, () => log.read(topic, partition, offset, options))
          if (records.length === 0) break
          offset = records[records.length - 1].offset + 1
          for (const record of records) await take(record, deleted)
        }
        offsets.set(partition, offset)
      }
      return [...deleted.values()]
    },
  }
}
