/** Who is measured, and how each is started: the joiner service as in production, and its peers. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { NODE_FLAGS } from '../../src/operate/children.ts'
import type { StageName } from '../../src/pipeline.ts'
import { buildPeers } from './java.ts'
import { type InputTopics, PARTITIONS } from './load.ts'

export const PREFIX = 'bench-join.'
/** The attribution window, and the window of the Streams join. */
const WINDOW_MS = 600_000

export type Name = 'feedloop' | 'streams' | 'kafkajs-copy' | 'java-copy'

export interface Contestant {
  readonly name: Name
  readonly does: string
  readonly inputs: readonly string[]
  /** Fresh for each round, where it can be. */
  names(round: number): { readonly group: string; readonly output: string }
  start(round: number): { readonly child: ChildProcess; readonly tail: () => string }
}

interface Place {
  readonly brokers: readonly string[]
  readonly folder: string
  readonly topics: InputTopics
}

/** @throws FeedloopError BUS_UNAVAILABLE without Maven or a JDK */
export async function contestants(place: Place): Promise<readonly Contestant[]> {
  const peers = await buildPeers()
  const brokers = place.brokers.join(',')
  const { recommendations, events, decisions, outcomes } = place.topics
  const both = [recommendations, events]
  const fresh = (name: Name) => (round: number) => ({ group: `${name}-${round}`, output: `${name}-out-${round}` })
  const copyArgs = (name: Name, round: number) => {
    const { group, output } = fresh(name)(round)
    return [brokers, both.join(','), output, group]
  }
  return [
    {
      name: 'feedloop',
      does: 'decodes, joins, writes transitions (initial and reward revisions) with the chain: exactly once',
      inputs: both,
      names: () => ({ group: `${PREFIX}joiner`, output: `${PREFIX}transitions` }),
      start: round =>
        run(process.execPath, joinerArgs(place, round), { KAFKA_BROKERS: brokers, FEEDLOOP_HTTP_PORT: '0' }),
    },
    {
      name: 'streams',
      does: 'Kafka Streams 4.3.1 left join by key over the window, bytes as they are, exactly_once_v2, RocksDB, 2 threads',
      inputs: [decisions, outcomes],
      names: fresh('streams'),
      start(round) {
        const { group, output } = fresh('streams')(round)
        const state = join(place.folder, `streams-${round}`)
        return run(...peers('Streams', [brokers, decisions, outcomes, output, group, state, String(WINDOW_MS), '2']))
      },
    },
    {
      name: 'kafkajs-copy',
      does: 'the repaired kafkajs: consume and produce, bytes as they are, at least once',
      inputs: both,
      names: fresh('kafkajs-copy'),
      start: round => run(process.execPath, [copyFile, ...copyArgs('kafkajs-copy', round)]),
    },
    {
      name: 'java-copy',
      does: 'the plain Java client: consume and produce, bytes as they are, at least once',
      inputs: both,
      names: fresh('java-copy'),
      start: round => run(...peers('Copy', copyArgs('java-copy', round))),
    },
  ]
}

const copyFile = fileURLToPath(new URL('../peers/copy.ts', import.meta.url))
const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Of a stage as the image starts it. `FEEDLOOP_BENCH_NODE` holds further flags of Node, such as --cpu-prof. */
export const stageArgs = (stage: StageName, config: string, flags: readonly string[] = []): string[] => {
  const given = process.env.FEEDLOOP_BENCH_NODE?.split(' ') ?? []
  return [...NODE_FLAGS, ...flags, ...given, mainFile, 'run', stage, '--config', config]
}

function joinerArgs({ folder }: Place, round: number): string[] {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `joiner-${round}.yaml`)
  const policies = [{ attributionWindowMs: WINDOW_MS }]
  writeFileSync(
    file,
    stringify({ topics: { prefix: PREFIX, partitions: PARTITIONS }, policies, log: { level: 'warn' } }),
  )
  return stageArgs('joiner', file)
}

export function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  // Whoever interrupts the benchmark must not leave a peer behind that looks for its broker for ever.
  const endWithUs = () => void child.kill('SIGKILL')
  process.once('exit', endWithUs)
  child.once('exit', () => process.off('exit', endWithUs))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk).slice(-4000)
    })
  return { child, tail: () => output }
}
