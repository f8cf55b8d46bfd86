/**
 * A real Kafka broker from Maven's jars, as a child of this process: random free ports of the loopback address, data in a
 * temporary folder. It ends and removes the folder when its standard input ends, so also when this process is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { FeedloopError } from '../../../errors.ts'
import { type BrokerFiles, brokerFiles, tryLock } from './jars.ts'
import { isAlive } from './program.ts'
import { untilReady } from './ready.ts'

const ATTEMPTS = 3

export interface RunningBroker {
  /** `host:port` */
  readonly brokers: readonly string[]
  stop(): Promise<void>
}

export interface LocalBrokerOptions {
  readonly logger: Logger
  /** Further properties of the broker, or others than ours. */
  readonly properties?: Properties | ((place: Place) => Properties)
  /** Further arguments of Kafka's format command. */
  readonly format?: readonly string[]
  /** See `javaFlags`. */
  readonly lasting?: boolean
}
type Properties = Readonly<Record<string, string>>

/** Starts a broker and waits until it answers.
 * @throws FeedloopError BUS_UNAVAILABLE without Java 17 or Maven, or when it does not come up */
export async function startLocalBroker(options: LocalBrokerOptions): Promise<RunningBroker> {
  const files = await brokerFiles()
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(files, options)
    } catch (error) {
      // Somebody may have taken the port between our asking for a free one and the broker's use of it, or it is one of the caller's own.
      if (
        attempt === ATTEMPTS ||
        !/BindException|Address already in use|listeners on the same port/.test((error as Error).message)
      )
        throw error
    }
  }
}

async function startOnce(
  files: BrokerFiles,
  { logger, properties = {}, format = [], lasting = false }: LocalBrokerOptions,
): Promise<RunningBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-kafka-'))
  const [port, controllerPort] = await freePorts(2)
  const place = { port, controllerPort, folder }
  const more = typeof properties === 'function' ? properties(place) : properties
  const file = writeProperties(folder, { ...brokerProperties(place), ...more })
  const train = !existsSync(files.archive) && tryLock(`${files.archive}.lock`)
  const archive = `${files.archive}.${process.pid}`
  if (train) removeLeftovers(files.archive)
  const flags = javaFlags(files, { makeArchive: train ? archive : undefined, lasting })
  const child = spawn(files.java, [...flags, 'Broker', file, '--temporary', ...format], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C is for us: the broker must outlive our own orderly end, and ends by its standard input.
    detached: true,
  })
  const { output, ended } = watch(child)
  const brokers = [`127.0.0.1:${port}`]
  try {
    await untilReady(brokers, ended, logger)
  } catch (error) {
    child.stdin!.destroy()
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
    throw new FeedloopError(
      'BUS_UNAVAILABLE',
      `${(error as Error).message.replace(/^BUS_UNAVAILABLE: /, '')}: ${output()}`,
      { cause: error },
    )
  }
  hold(child, false)
  const stop = async () => {
    hold(child, true)
    child.stdin!.end(train ? 'exit\n' : '')
    await ended
    if (train && existsSync(archive)) renameSync(archive, files.archive)
    if (train) rmSync(`${files.archive}.lock`, { force: true })
    rmSync(folder, { recursive: true, force: true })
  }
  return { brokers, stop: once(stop) }
}

/** Whether the child keeps this process alive. A program that forgets to stop its broker may end all the same. */
function hold(child: ChildProcess, alive: boolean): void {
  for (const handle of [child, child.stdin, child.stdout, child.stderr] as { ref?(): void; unref?(): void }[])
    if (alive) handle.ref?.()
    else handle.unref?.()
}

/** Archives that nobody took into use because their process died. */
function removeLeftovers(archive: string): void {
  const prefix = `${basename(archive)}.`
  for (const name of readdirSync(dirname(archive)))
    if (name.startsWith(prefix) && !name.endsWith('.lock') && !isAlive(Number(name.slice(prefix.length))))
      rmSync(join(dirname(archive), name), { force: true })
}

/** Soon there, and of little CPU in its first minute. */
const BRIEF = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
/** As Kafka's own scripts and its image start Java. The second compiler takes a core for half a minute; after that a broker takes a quarter less. */
const LASTING = ['-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35']

/** @param makeArchive one class data archive is made by the first broker, when it is stopped in order
 * @param lasting for a broker that works for many minutes */
export const javaFlags = (
  files: BrokerFiles,
  { makeArchive, lasting = false }: { readonly makeArchive?: string; readonly lasting?: boolean } = {},
): string[] => [
  // all at once: the serial collector goes through a heap that grows bit by bit whole each time, 50 to 90 ms in which nobody is answered
  '-Xms512m',
  '-Xmx512m',
  ...(lasting ? LASTING : BRIEF),
  '-Xshare:auto',
  makeArchive ? `-XX:ArchiveClassesAtExit=${makeArchive}` : `-XX:SharedArchiveFile=${files.archive}`,
  '-Dlog4j2.level=ERROR',
  '-cp',
  files.classPath,
]

export interface Place {
  readonly port: number
  readonly controllerPort: number
  readonly folder: string
}

export const brokerProperties = ({ port, controllerPort, folder }: Place): Readonly<Record<string, string>> => ({
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'inter.broker.listener.name': 'PLAINTEXT',
  'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
  'log.dirs': join(folder, 'data'),
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  'auto.create.topics.enable': 'false',
  'log.cleaner.dedupe.buffer.size': '4194304',
  'num.io.threads': '4',
  'num.network.threads': '2',
})

export function writeProperties(folder: string, properties: Readonly<Record<string, string>>): string {
  mkdirSync(join(folder, 'data'), { recursive: true })
  const file = join(folder, 'broker.properties')
  const escaped = (value: string) => value.replaceAll('\\', '\\\\')
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${escaped(value)}\n`)
      .join(''),
  )
  return file
}

function watch(child: ChildProcess) {
  let text = ''
  const keep = (chunk: Buffer) => {
    text = (text + chunk).slice(-4000)
  }
  child.stdout!.on('data', keep)
  child.stderr!.on('data', keep)
  child.stdin!.on('error', () => {})
  const ended = new Promise<string>(resolve => {
    child.on('error', error => resolve(error.message))
    child.on('close', (code, signal) => resolve(`the broker ended with ${signal ?? code}`))
  })
  const isFrame = (line: string) => /^\s*(at |\.\.\. |$)/.test(line)
  const output = () =>
    text
      .split('\n')
      .filter(line => !isFrame(line))
      .slice(-3)
      .join(' | ')
  return { output, ended }
}

/** Free ports of the loopback address, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}
