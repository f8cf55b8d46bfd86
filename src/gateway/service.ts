/**
 * Wiring of the gateway: the door, one reader of the accepted decisions of each partition for all who wait, and the
 * appends. No group and no state: any number of instances see all decisions, each picks out what its callers wait for.
 */
import { realRim, retrying, Stopped } from '../log/chain/rim.ts'
import { partitionFor } from '../log/partition.ts'
import type { Wire } from '../log/wire/wire.ts'
import { type Follower, follow } from '../operate/broadcast.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { topicName } from '../pipeline.ts'
import { createAppends } from './append.ts'
import { createAsk } from './ask.ts'
import { createCatalogue } from './catalogue.ts'
import { createDecided, readBackMs } from './decided.ts'
import { createEarlier } from './earlier.ts'
import { createHeard } from './heard.ts'
import { type Door, openDoor } from './http.ts'
import { createRefused } from './refused.ts'
import { anchoredStart, endsOf } from './start.ts'
import { createLook } from './state.ts'
import { activationOf, type Decision, decisionFields } from './step.ts'
import { createTell, recordOf } from './tell.ts'
import { createWaiting } from './waiting.ts'

export interface RunningGateway extends Running {
  readonly port: number
}

/** At the end activations are tried for so long, ms: with the last calls before it, well within what a process has to drain. */
const LAST_MS = 5000

/** @param early a door that was opened before there was a log; it is closed with the gateway
 * @throws FeedloopError PORT_UNAVAILABLE, of a door of its own */
export async function runGateway(context: ServiceContext, early?: Door): Promise<RunningGateway> {
  const { config, log, logger, now } = context
  const { partitions, prefix } = config.topics
  const wire = context.wire.narrowed?.({ recommendations: decisionFields }, []) ?? context.wire
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  const stopping = new AbortController()
  const waiting = createWaiting(now)
  const decided = createDecided(partitions, config.limits.requestDedupMs)
  const appends = createAppends(log, prefix, now, failed.reject)
  const heard = createHeard(now)
  const asking = { config, wire, now, appends, waiting, decided, heard, earlier: createEarlier(log, wire, prefix, now) }
  const refused = createRefused({ prefix, wire: context.wire, waiting, heard })

  let awaited = 'recommendations'
  let ending = false
  const followers: Follower[] = []
  const read = async (): Promise<void> => {
    const patience = { rim: realRim(now), signal: stopping.signal }
    const from = await retrying(patience, () =>
      anchoredStart(context, now() - readBackMs(config.limits.requestDedupMs)),
    )
    const lettersFrom = await retrying(patience, () => endsOf(log, topicName(prefix, 'dead-letters')))
    if (stopping.signal.aborted) throw new Stopped()
    const bytes = { ...context, wire: asBytes(wire) }
    const letters = follow<Buffer>(bytes, 'dead-letters', (_, record) => refused(record), { from: lettersFrom })
    const follower = follow<Decision>(
      { ...context, wire },
      'recommendations',
      (decision, { partition, offset }) => {
        heard.decided(partition)
        decided.add(decision.seed, { partition, offset }, decision.decision_time_ms)
        waiting.take(decision)
      },
      { from },
    )
    followers.push(letters, follower)
    for (const each of followers) each.failed.catch(failed.reject)
    await follower.caughtUp
    awaited = ''
  }
  const door = early ?? (await openDoor(context))
  door.lead({
    ask: createAsk(asking),
    tell: createTell(asking),
    ...createCatalogue(asking),
    look: createLook(config, now, logger),
    waitingFor: () => awaited,
    delivered: decision =>
      appends.insist(
        'events',
        partitionFor(decision.user_id, partitions),
        recordOf(activationOf(decision, now()), wire),
      ),
  })
  read().catch(error => stopping.signal.aborted || failed.reject(error))
  const end = Promise.withResolvers<void>()
  return {
    name: 'gateway',
    port: door.port,
    waitingFor: () => (ending ? 'its end' : awaited),
    done: Promise.race([end.promise, failed.promise]),
    async stop() {
      ending = true
      await door.close()
      const lost = await appends.end(LAST_MS)
      if (lost > 0) logger.warn({ lost }, 'the log did not take these activations: delivered, yet they may not count')
      stopping.abort()
      await Promise.all(followers.map(each => each.stop()))
      end.resolve()
    },
  }
}

/** A dead letter's value is a record of any topic, or none. */
const asBytes = (wire: Wire): Wire => ({ ...wire, decode: (_, bytes) => bytes })
