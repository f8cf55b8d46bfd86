/** Wiring of the gate: model versions of all policies -> releases. One task, since all releases share one partition. */
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { createGate } from './step.ts'

export const runGate = (context: ServiceContext): Promise<Running> =>
  runChainStage(context, {
    name: 'gate',
    stage: () => createGate(context.config),
    assigned: ['releases'],
    inputs: () => context.config.policies.map((_, partition) => ({ topic: 'models' as const, partition })),
    view: () => undefined,
  })
