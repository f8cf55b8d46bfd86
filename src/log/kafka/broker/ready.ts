/** Waits until a broker that was just started answers. */
import type { Logger } from 'pino'
import { FeedloopError } from '../../../errors.ts'
import { openKafkaLog } from '../kafka.ts'

const START_MS = 60_000

/** @param ended settles with a reason when the broker's process ends
 * @throws FeedloopError BUS_UNAVAILABLE */
export async function untilReady(brokers: readonly string[], ended: Promise<string>, logger: Logger): Promise<void> {
  let reason: string | undefined
  ended.then(text => {
    reason = text
  })
  const giveUpAt = performance.now() + START_MS
  for (;;) {
    try {
      const log = await Promise.race([
        openKafkaLog({ brokers, clientId: 'feedloop-ready', logger, firstContactMs: 1000 }),
        ended.then(text => {
          throw new FeedloopError('BUS_UNAVAILABLE', text)
        }),
      ])
      return await log.close()
    } catch (cause) {
      if (reason !== undefined) throw new FeedloopError('BUS_UNAVAILABLE', reason, { cause })
      if (performance.now() > giveUpAt)
        throw new FeedloopError('BUS_UNAVAILABLE', `no answer from ${brokers} in ${START_MS / 1000} s`, { cause })
    }
  }
}
