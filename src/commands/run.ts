import { setTimeout as sleep } from 'node:timers/promises'
import { Argument, type Command } from 'commander'
import type { Logger } from 'pino'
import { type Door, openDoor } from '../gateway/http.ts'
import { runGateway } from '../gateway/service.ts'
import { steadyNow } from '../log/chain/steady.ts'
import type { Log } from '../log/log.ts'
import { createMeter } from '../metrics.ts'
import { suitCollector } from '../operate/collector.ts'
import { createLogger, type Running, type ServiceContext } from '../operate/context.ts'
import { type Awaited, openOperatorDoor } from '../operate/http.ts'
import { services, startServices, stopServices } from '../operate/run.ts'
import { pipeline, type StageName } from '../pipeline.ts'
import { createTracer } from '../tracing/tracer.ts'
import { fatal, insist, untilSignal } from './service.ts'
import { configOf, kafkaOf, wireOf, withConfig } from './shared.ts'

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

/** What the operator's door shows and what is to be closed, at any time between start and end. */
interface Life {
  /** The callers' door, until the gateway has it. */
  callers?: Door
  awaited: readonly Awaited[]
  log?: Log
  running: readonly Running[]
}
type Base = Pick<ServiceContext, 'config' | 'logger' | 'meter' | 'now' | 'tracer'>

/** Runs until the signal. @returns 0 @throws what ended it */
async function run(stages: readonly StageName[], options: { config?: string }): Promise<0> {
  const signal = untilSignal()
  const config = configOf(options, { openSchemas: stages.includes('intake') })
  suitCollector(stages, config.state.folder !== '')
  const logger = createLogger(config.log.level)
  const meter = createMeter({ processMetrics: true })
  const connect = await kafkaOf(config, logger, meter)
  const tracer = createTracer(config, stages.length === 1 ? `feedloop-${stages[0]}` : 'feedloop', logger, steadyNow)
  const base = { config, logger, meter, now: steadyNow, tracer }
  const life: Life = { awaited: [], running: [] }
  const door = await openOperatorDoor(base, () => life.awaited)
  logger.info({ stages, port: door.port, brokers: config.kafka.brokers }, 'starting')
  try {
    await Promise.race([start(life, base, connect, stages), signal])
    await Promise.race([signal, ...life.running.map(service => service.done)])
    return 0
  } finally {
    logger.info('draining')
    await Promise.race([drain(logger, life.running), sleep(DRAIN_MS)])
    await life.callers?.close()
    await door.close()
    await life.log?.close()
    await tracer?.close()
    logger.info('stopped')
  }
}

/** What is away at the start is waited for, as it is later; callers are told so from the beginning. @throws FeedloopError of a kind that no other try mends */
async function start(life: Life, base: Base, connect: () => Promise<Log>, stages: readonly StageName[]): Promise<void> {
  const attempt = <T>(name: string, call: () => Promise<T>): Promise<T> => insist(name, call, base.logger, life)
  const isGateway = (stage: StageName): boolean => stage === 'gateway'
  if (stages.some(isGateway)) life.callers = await openDoor(base)
  const log = await attempt('brokers', connect)
  life.log = log
  const wire = await attempt('registry', () => wireOf(base.config))
  const context = { ...base, log, wire }
  const others = stages.filter(stage => !isGateway(stage))
  life.running = await attempt('services', () => startServices(context, others))
  // Last, and with the door that is open: what else fails to start and is tried again must not close it meanwhile.
  const gateway = (own: ServiceContext): Promise<Running> => {
    const door = life.callers
    life.callers = undefined
    return runGateway(own, door)
  }
  const entrance = await attempt('gateway', () =>
    startServices(context, stages.filter(isGateway), { ...services, gateway }),
  )
  life.running = [...entrance, ...life.running]
  life.awaited = life.running
}

const drain = (logger: Logger, running: readonly Running[]): Promise<void> =>
  stopServices(running).catch(error => logger.warn({ error: String(error) }, 'drain failed'))
