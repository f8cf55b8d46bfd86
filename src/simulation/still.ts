/** The log of a run that is over, for who only reads it: everything at once, nothing lost, nothing late. */
import { setImmediate as turn } from 'node:timers/promises'
import { FeedloopError } from '../errors.ts'
import { collect, type SimulatedPartition } from '../log/chain/simulation/log.ts'
import type { Log } from '../log/log.ts'

export function stillLog(
  find: (topic: string, partition: number) => SimulatedPartition | undefined,
  partitionCount: (topic: string) => number,
): Log {
  const partitionOf = (topic: string, partition: number): SimulatedPartition => {
    const found = find(topic, partition)
    if (found === undefined) throw new FeedloopError('TOPIC_UNKNOWN', topic)
    return found
  }
  const never = (): never => {
    throw new Error('a still log is only read')
  }
  return {
    async read(topic, partition, offset, { maxBytes = 1 << 20, waitMs = 0 } = {}) {
      const records = collect(partitionOf(topic, partition), offset, maxBytes)
      // Who asks again and again must let others go on.
      if (records.length === 0 && waitMs > 0) await turn()
      return records
    },
    async ends(topic, partition) {
      const { earliest, latest } = partitionOf(topic, partition)
      return { earliest, latest }
    },
    partitionCount: async topic => partitionCount(topic),
    append: never,
    offsetForTime: never,
    join: never,
    committed: never,
    describeTopics: never,
    createTopics: never,
    place: 'simulated, over',
    identity: 'still',
    close: async () => {},
  }
}
