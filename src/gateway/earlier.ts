/**
 * What was decided earlier, read back from the log: the decision from its place, and the request that it answers from
 * `requests`, where it stands at or after its own time. Two reads for a repetition, none for anybody else.
 */
import type { Request } from '../../schemas/records.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { type ChainIo, realRim } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Log } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { topicName } from '../pipeline.ts'
import type { Place } from './decided.ts'
import type { Decision } from './step.ts'

export interface Earlier {
  /** Null: retention has removed it. */
  decision(place: Place): Promise<Decision | null>
  /** The request that was decided; null: it cannot be found (any more). */
  request(decision: Decision, partition: number): Promise<Request | null>
}

/** Records of `requests` that are looked through, at most: by its own clock a producer writes close to the time it states. */
const LOOK_THROUGH = 20_000

export function createEarlier(log: Log, wire: Wire, prefix: string, now: () => number): Earlier {
  const io: ChainIo = { log, rim: realRim(now), rules: chainRules }
  return {
    async decision({ partition, offset }) {
      const name = topicName(prefix, 'recommendations')
      if ((await log.ends(name, partition)).earliest > offset) return null
      const [record] = await log.read(name, partition, offset, { maxBytes: 1 })
      return record?.offset === offset ? decodeOrPass<Decision>(io, { wire }, 'recommendations', record) : null
    },
    async request({ decision_id: id, request_time_ms: timeMs }, partition) {
      const name = topicName(prefix, 'requests')
      let offset = await log.offsetForTime(name, partition, timeMs)
      for (const end = offset + LOOK_THROUGH; offset < end; ) {
        const records = await log.read(name, partition, offset)
        if (records.length === 0) return null
        for (const record of records) {
          const request = await decodeOrPass<Request>(io, { wire }, 'requests', record)
          if (request?.request_id === id && request.time_ms === timeMs) return request
        }
        offset = records.at(-1)!.offset + 1
      }
      return null
    },
  }
}
