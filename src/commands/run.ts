import { setTimeout as sleep } from 'node:timers/promises'
import { Argument, type Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { countBuffersWithHeap } from '../operate/collector.ts'
import { createLogger, type Running, type ServiceContext } from '../operate/context.ts'
import { openOperatorDoor } from '../operate/http.ts'
import { startServices, stopServices } from '../operate/run.ts'
import { pipeline, type StageName } from '../pipeline.ts'
import { configOf, openContext, withConfig } from './shared.ts'

/** What is in flight gets this long when the process is asked to stop. */
const DRAIN_MS = 20_000

export function addRun(program: Command): void {
  const stages = pipeline.map(entry => entry.stage)
  withConfig(
    program
      .command('run')
      .description('run one stage, or all in one process, until SIGTERM')
      .addArgument(new Argument('<stage>', 'which').choices([...stages, 'all'])),
  ).action(async (stage: string, options) => {
    const code = await run(stage === 'all' ? stages : [stage as StageName], options).catch(fatal)
    // What a library still holds open must not keep a service that has drained.
    process.exit(code)
  })
}

/** Runs until the signal. @returns 0 @throws what ended it */
async function run(stages: readonly StageName[], options: { config?: string }): Promise<0> {
  const signal = untilSignal()
  const config = configOf(options, { openSchemas: stages.includes('intake') })
  if (!config.state.folder) countBuffersWithHeap()
  const context = await Promise.race([openContext(config), signal])
  if (context === undefined) return 0
  let running: readonly Running[] = []
  const door = await openOperatorDoor(context, () => running)
  context.logger.info({ stages, port: door.port, place: context.log.place }, 'starting')
  try {
    const started = await Promise.race([startServices(context, stages), signal])
    running = started ?? []
    await Promise.race([signal, ...running.map(service => service.done)])
    return 0
  } finally {
    context.logger.info('draining')
    await Promise.race([drain(context, running), sleep(DRAIN_MS)])
    await door.close()
    await context.close()
    context.logger.info('stopped')
  }
}

const drain = (context: ServiceContext, running: readonly Running[]): Promise<void> =>
  stopServices(running).catch(error => context.logger.warn({ error: String(error) }, 'drain failed'))

/** The one line that says why a service ended. */
function fatal(error: unknown): 1 {
  const code = error instanceof FeedloopError ? error.code : 'unexpected'
  const detail = error instanceof FeedloopError ? error.message : ((error as Error)?.stack ?? String(error))
  createLogger('fatal').fatal(
    { code },
    detail
      .trim()
      .replace(/:?\s*\n\s*/g, '; ')
      .replace(/^(\w+);/, '$1:'),
  )
  return 1
}

const untilSignal = (): Promise<undefined> =>
  new Promise(resolve => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(undefined))
  })
