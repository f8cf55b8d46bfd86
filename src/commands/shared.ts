/** What commands have in common: the configuration file and an open bus. */

import { type Command, InvalidArgumentError } from 'commander'
import type { Logger } from 'pino'
import { type Config, type ConfigInput, type ConfigUse, loadConfig } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { steadyNow } from '../log/chain/steady.ts'
import { type BrokerStatus, brokerStatus } from '../log/kafka/broker/detached.ts'
import { openKafkaLog } from '../log/kafka/kafka.ts'
import { loginOf } from '../log/kafka/login.ts'
import type { Log } from '../log/log.ts'
import { createWire } from '../log/wire/create.ts'
import type { Wire } from '../log/wire/wire.ts'
import { createMeter, type Meter } from '../metrics.ts'
import { createLogger, type ServiceContext } from '../operate/context.ts'

export const withConfig = (command: Command): Command =>
  command.option('-c, --config <file>', 'configuration file (YAML); the defaults without one')

export const configOf = (options: { config?: string }, use?: ConfigUse): Config =>
  loadConfig(options.config, process.env, use)

/** How to open the configured Kafka: each call tries once. @param meter told of requests to brokers
 * @throws FeedloopError CONFIG_INVALID without brokers */
export async function kafkaOf({ kafka }: Config, logger: Logger, meter?: Meter): Promise<() => Promise<Log>> {
  const { brokers, clientId } = kafka
  if (brokers.length === 0)
    throw new FeedloopError('CONFIG_INVALID', `no brokers: set KAFKA_BROKERS or kafka.brokers (${await whichBroker()})`)
  // Secrets are read each time: they may have been mended since.
  return async () => openKafkaLog({ brokers, clientId, ...loginOf(kafka), logger, meter })
}

/** The one of this machine, running or to be started. */
async function whichBroker(): Promise<string> {
  const { brokers } = await brokerStatus().catch((): BrokerStatus => ({ running: false }))
  return brokers
    ? `the one of \`feedloop broker start\` is running: export KAFKA_BROKERS=${brokers.join(',')}`
    : '`feedloop broker start` makes one'
}

export const wireOf = (config: Config): Promise<Wire> =>
  createWire({ registry: config.registry, prefix: config.topics.prefix })

/** Opens the configured Kafka. @throws FeedloopError CONFIG_INVALID without brokers, LOG_UNAVAILABLE, REGISTRY_UNAVAILABLE */
export async function openContext(config: Config): Promise<ServiceContext & { close(): Promise<void> }> {
  const logger = createLogger(config.log.level)
  const meter = createMeter({ processMetrics: true })
  const log = await (await kafkaOf(config, logger, meter))()
  const wire = await wireOf(config)
  return { config, log, wire, meter, logger, now: steadyNow, close: () => log.close() }
}

/** Runs `work` on an open bus and closes it. */
export async function onBus<T>(
  options: { config?: string },
  work: (context: ServiceContext) => Promise<T>,
): Promise<T> {
  const context = await openContext(configOf(options))
  try {
    return await work(context)
  } finally {
    await context.close()
  }
}

/** Reads an option that is a number of at least `least`. @throws InvalidArgumentError, which commander shows */
export const atLeast =
  (least: number, kind: 'whole' | 'any' = 'whole') =>
  (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isFinite(value) && value >= least && (kind === 'any' || Number.isInteger(value))) return value
    throw new InvalidArgumentError(`It is not a ${kind === 'whole' ? 'whole ' : ''}number of at least ${least}.`)
  }

/** Reads an option that is configuration as JSON; what is in it is checked with the rest of the configuration. */
export function configInput(text: string): ConfigInput {
  try {
    const input: unknown = JSON.parse(text)
    if (typeof input === 'object' && input !== null) return input
  } catch {}
  throw new InvalidArgumentError('It is not a JSON object.')
}

export const printJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)

/** Control characters as \\u escapes: they would break the line, or the terminal. */
export const oneLine = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029]/gu, each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
