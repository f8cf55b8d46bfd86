/** Wiring of the gate: model versions of all policies -> releases. One task, since all releases share one partition. */
import { servingStart } from '../models/start.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { createGate } from './step.ts'

export function runGate(context: ServiceContext): Promise<Running> {
  const abort = new AbortController()
  const standings = async () => (await servingStart({ ...context, signal: abort.signal })).standings
  return runChainStage(context, {
    name: 'gate',
    stage: () => createGate(context.config, standings),
    assigned: ['releases'],
    inputs: () => context.config.policies.map((_, partition) => ({ topic: 'models' as const, partition })),
    view: () => undefined,
    release: async () => abort.abort(),
  })
}
