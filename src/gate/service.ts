/** Wiring of the gate: model versions of all policies -> releases. One task, since all releases share one partition. */
import type { Config } from '../config.ts'
import type { TaskInput } from '../log/chain/task.ts'
import { servingStart } from '../models/start.ts'
import { runChainStage } from '../operate/chain-stage.ts'
import type { Running, ServiceContext } from '../operate/context.ts'
import { checkOrder } from '../operate/policy-order.ts'
import { observeReleases } from './metrics.ts'
import { createGate } from './step.ts'

export const gateInputs = ({ policies }: Config): readonly TaskInput[] =>
  policies.map((_, partition) => ({ topic: 'models', partition }))

export function runGate(context: ServiceContext): Promise<Running> {
  const abort = new AbortController()
  const standings = async () => (await servingStart({ ...context, signal: abort.signal })).standings
  // the task asks only once there is a step to take: an idle gate would seem to be in order
  const { ordered, refused } = checkOrder(context, abort.signal)
  return runChainStage(context, {
    name: 'gate',
    stage: () => createGate(context.config, standings),
    assigned: ['releases'],
    inputs: () => gateInputs(context.config),
    view: () => undefined,
    observe: ({ outputs }) => observeReleases(context.meter, outputs),
    prepare: ordered,
    alongside: [refused],
    release: async () => abort.abort(),
  })
}
