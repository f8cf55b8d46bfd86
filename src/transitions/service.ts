/** Wiring of the joiner: recommendations and events of a partition -> transitions of the same partition. */
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { localState } from '../operate/local-state.ts'
import { joinerCodecs, joinerVersion } from './codec.ts'
import { joinersWire } from './decision.ts'
import { isTimed, observeJoins } from './metrics.ts'
import { createJoiner } from './step.ts'

export function runJoiner(context: ServiceContext): Promise<Running> {
  const openStore = localState(context, {
    stage: 'joiner',
    version: joinerVersion(context.config),
    codecs: joinerCodecs,
  })
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
      view: () => undefined,
      observed: isTimed,
      observe: (step, partition) => observeJoins(context.meter, step, partition, context.now()),
      lost: partition => context.meter.remove('feedloop_open_joins', { partition: String(partition) }),
    },
  )
}
