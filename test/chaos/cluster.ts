/**
 * Three Kafka brokers as three JVMs (a static quorum, every topic three times, two of them in sync), each behind a line
 * of its own: clients know the brokers only by their lines, while the brokers reach each other without them. Any of them
 * may be killed, stopped or cut off. All are gone, with their data, when this process is.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { type BrokerFiles, brokerFiles } from '../../src/log/kafka/broker/jars.ts'
import { brokerProperties, freePorts, javaFlags, writeProperties } from '../../src/log/kafka/broker/local.ts'
import { runProgram } from '../../src/log/kafka/broker/program.ts'
import { untilReady } from '../../src/log/kafka/broker/ready.ts'
import { type Line, startLine } from '../log/line.ts'

export interface BrokerNode {
  readonly id: number
  /** Between clients and this broker. */
  readonly line: Line
  /** Resolves when it answers. @throws FeedloopError BUS_UNAVAILABLE */
  start(): Promise<void>
  /** kill -9. Its data stay. False when it did not run. */
  kill(): Promise<boolean>
  /** SIGSTOP. False when it did not run. */
  pause(): boolean
  resume(): void
}

export interface Cluster {
  /** `host:port` of the lines. */
  readonly brokers: readonly string[]
  readonly nodes: readonly BrokerNode[]
  stop(): Promise<void>
}

const COUNT = 3
/** A broker is taken for dead after this long; Kafka's default of 9 s would leave a short run little but waiting. */
const SESSION_MS = 3000

interface Place {
  readonly id: number
  readonly client: number
  readonly inner: number
  readonly controller: number
  readonly folder: string
  readonly line: Line
}

/** @throws FeedloopError BUS_UNAVAILABLE without Java 17 or Maven, or when a broker does not come up */
export async function startCluster(logger: Logger): Promise<Cluster> {
  const files = await brokerFiles()
  const places = await choosePlaces()
  const voters = places.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`).join(',')
  // An id that begins with "-" would be read as an option.
  const cluster = `c${randomBytes(16).toString('base64url').slice(1)}`
  const nodes: (BrokerNode & { end(): Promise<void> })[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(node => node.end()))
    await Promise.all(places.map(({ line }) => line.close()))
    for (const { folder } of places) rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all(
      places.map(async place => {
        const file = writeProperties(place.folder, propertiesOf(place, voters))
        await runProgram(
          files.java,
          ['-cp', files.classPath, 'kafka.tools.StorageTool', 'format', '--cluster-id', cluster, '--config', file],
          'a Java development kit',
        )
        nodes.push(createNode(place, files, file, logger))
      }),
    )
    nodes.sort((a, b) => a.id - b.id)
    await Promise.all(nodes.map(node => node.start()))
  } catch (error) {
    await stop()
    throw error
  }
  return { brokers: places.map(({ line }) => `127.0.0.1:${line.port}`), nodes, stop }
}

async function choosePlaces(): Promise<Place[]> {
  const ports = await freePorts(3 * COUNT)
  return Promise.all(
    Array.from({ length: COUNT }, async (_, index) => {
      const [client, inner, controller] = ports.slice(3 * index)
      const folder = mkdtempSync(join(tmpdir(), 'feedloop-kafka-'))
      return { id: index + 1, client, inner, controller, folder, line: await startLine(() => client) }
    }),
  )
}

function propertiesOf({ id, client, inner, controller, folder, line }: Place, voters: string) {
  const { 'controller.quorum.bootstrap.servers': _, ...single } = brokerProperties({
    port: client,
    controllerPort: controller,
    folder,
  })
  return {
    ...single,
    'node.id': String(id),
    'controller.quorum.voters': voters,
    listeners: `CLIENT://127.0.0.1:${client},INNER://127.0.0.1:${inner},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${line.port},INNER://127.0.0.1:${inner}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INNER',
    'offsets.topic.replication.factor': String(COUNT),
    'min.insync.replicas': '2',
    'broker.session.timeout.ms': String(SESSION_MS),
    'broker.heartbeat.interval.ms': '500',
  }
}

function createNode({ id, client, line }: Place, files: BrokerFiles, file: string, logger: Logger) {
  let child: ChildProcess | undefined
  let tail = ''
  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  const gone = async (): Promise<void> => {
    if (isRunning()) await once(child!, 'exit')
  }
  return {
    id,
    line,
    async start(): Promise<void> {
      // As long as its standard input is open: so it goes with this process, however that ends.
      child = spawn(files.java, [...javaFlags(files), 'Broker', file, '--temporary'], {
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
      })
      child.stdin!.on('error', () => {})
      for (const stream of [child.stdout!, child.stderr!])
        stream.on('data', chunk => {
          tail = (tail + chunk).slice(-2000)
        })
      const ended = once(child, 'close').then(([code, signal]) => `broker ${id} ended with ${signal ?? code}: ${tail}`)
      await untilReady([`127.0.0.1:${client}`], ended, logger)
    },
    async kill(): Promise<boolean> {
      child?.kill('SIGKILL')
      await gone()
      return child?.signalCode === 'SIGKILL'
    },
    pause: () => isRunning() && child!.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async end(): Promise<void> {
      child?.kill('SIGCONT')
      child?.stdin?.end()
      await gone()
    },
  }
}
