/** Wiring of the joiner: recommendations and events of a partition -> transitions of the same partition. */
import type { Release } from '../../schemas/records.ts'
import { releasesTail } from '../models/start.ts'
import { type Follower, follow } from '../operate/broadcast.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { localState } from '../operate/local-state.ts'
import { joinerCodecs, joinerVersion } from './codec.ts'
import { joinersWire } from './decision.ts'
import { isTimed, observeJoins } from './metrics.ts'
import { createJoiner } from './step.ts'
import { createTraffic, type KnownTraffic } from './traffic.ts'

export function runJoiner(context: ServiceContext): Promise<Running> {
  const openStore = localState(context, {
    stage: 'joiner',
    version: joinerVersion(context.config),
    codecs: joinerCodecs,
  })
  const traffic = createTraffic()
  const following = followReleases(context, traffic)
  return runChainStage(
    { ...context, wire: joinersWire(context.wire) },
    {
      name: 'joiner',
      stage: () => createJoiner(context.config, openStore),
      assigned: ['recommendations', 'events'],
      inputs: partition => [
        { topic: 'recommendations', partition },
        { topic: 'events', partition },
      ],
      view: () => traffic,
      observed: isTimed,
      observe: (step, partition) =>
        observeJoins(context.meter, step, partition, context.now(), context.tracer?.traceOf('joiner')),
      lost: partition => context.meter.remove('feedloop_open_joins', { partition: String(partition) }),
      release: following.stop,
    },
  )
}

/** For counts alone: joins wait for nothing of it, and go on where it fails. */
function followReleases(context: ServiceContext, traffic: KnownTraffic): { stop(): Promise<void> } {
  const abort = new AbortController()
  const failed = (error: unknown): void => {
    if (!abort.signal.aborted) context.logger.warn({ error: String(error) }, 'versions are not told apart in counts')
  }
  const opened = releasesTail({ ...context, signal: abort.signal })
    .then((tail): Follower | undefined => {
      if (abort.signal.aborted) return undefined
      const follower = follow<Release>(context, 'releases', traffic.put, { from: [tail.offset] })
      follower.failed.catch(failed)
      return follower
    })
    .catch(error => void failed(error))
  return {
    async stop() {
      abort.abort()
      await (await opened)?.stop()
    },
  }
}
