import { Argument, type Command } from 'commander'
import type { Running } from '../operate/context.ts'
import { openOperatorDoor } from '../operate/http.ts'
import { startServices, stopServices } from '../operate/run.ts'
import { pipeline, type StageName } from '../pipeline.ts'
import { configOf, openContext, withConfig } from './shared.ts'

export function addRun(program: Command): void {
  const stages = pipeline.map(entry => entry.stage)
  withConfig(
    program
      .command('run')
      .description('run one stage, or all in one process, until SIGTERM')
      .addArgument(new Argument('<stage>', 'which').choices([...stages, 'all'])),
  ).action(async (stage: string, options) => run(stage === 'all' ? stages : [stage as StageName], options))
}

async function run(stages: readonly StageName[], options: { config?: string }): Promise<void> {
  const context = await openContext(configOf(options))
  let running: readonly Running[] = []
  const door = await openOperatorDoor(context, () => running)
  context.logger.info({ stages, port: door.port, place: context.log.place }, 'starting')
  running = await startServices(context, stages)
  const signal = untilSignal()
  try {
    await Promise.race([signal, ...running.map(service => service.done)])
  } finally {
    context.logger.info('draining')
    await stopServices(running).catch(error => context.logger.warn({ error: String(error) }, 'drain failed'))
    await door.close()
    await context.close()
  }
}

const untilSignal = (): Promise<void> =>
  new Promise(resolve => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve())
  })
