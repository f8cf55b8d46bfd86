/** Starts services in one process, and stops them in the order in which records flow. */
import { runFeatures } from '../features/service.ts'
import { runGate } from '../gate/service.ts'
import { runIntake } from '../intake/service.ts'
import { runLearner } from '../learner/service.ts'
import { pipeline, type StageName } from '../pipeline.ts'
import { runRanker } from '../ranker/service.ts'
import { runJoiner } from '../transitions/service.ts'
import type { Running, ServiceContext } from './context.ts'

/** How each stage of src/pipeline.ts is run. */
export const services: Readonly<Record<StageName, (context: ServiceContext) => Promise<Running>>> = {
  intake: runIntake,
  features: runFeatures,
  ranker: runRanker,
  joiner: runJoiner,
  learner: runLearner,
  gate: runGate,
}

export async function startServices(context: ServiceContext, names: readonly StageName[]): Promise<readonly Running[]> {
  const ordered = pipeline.map(entry => entry.stage).filter(stage => names.includes(stage))
  return Promise.all(ordered.map(name => services[name](context)))
}

export async function stopServices(running: readonly Running[]): Promise<void> {
  for (const service of running) await service.stop()
}
