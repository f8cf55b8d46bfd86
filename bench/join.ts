/**
 * The joiner against a Kafka Streams join, on one real broker, over a backlog: 500,000 decisions of 1 kB and 250,000
 * outcomes of 200 B in 8 partitions, slate size 1. A plain copy with our client is the floor that a join can come near
 * to, one with the Java client the limit. Alternating in one run; medians of the rounds; see bench/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { kafkajs } from '../src/log/kafka/kafkajs.ts'
import { type Bus, findBus } from '../src/log/open.ts'
import { topicSpecs } from '../src/log/topics.ts'
import { createWire } from '../src/log/wire/create.ts'
import { type TopicName, topicName } from '../src/pipeline.ts'
import { type Contestant, contestants, type Name, PREFIX } from './join/contestants.ts'
import { type InputTopics, load, PARTITIONS } from './join/load.ts'
import { end, measure, type Run } from './join/measure.ts'
import { childWith } from './join/process.ts'
import type { Bar, BenchOptions, BenchResult } from './main.ts'

const DECISIONS = 500_000
/** A run that is slower than this a record is given up. */
const LIMIT_MS_A_RECORD = 1
const LIMIT_START_MS = 120_000

const topics: InputTopics = {
  recommendations: topicName(PREFIX, 'recommendations'),
  events: topicName(PREFIX, 'events'),
  decisions: 'peers.decisions',
  outcomes: 'peers.outcomes',
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const scale = Number(args.scale ?? 1)
  const rounds = Number(args.rounds ?? 3)
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-bench-'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const bus = await findBus({ kind: 'kafka', logger: pino({ level: 'silent' }) })
  try {
    const names = typeof args.only === 'string' ? args.only.split(',') : null
    const all = await contestants({ brokers: bus.brokers!, folder, topics })
    const running = all.filter(({ name }) => names === null || names.includes(name))
    const wire = await createWire({ prefix: PREFIX })
    await bus.log.createTopics([
      ...ours(['recommendations', 'events', 'dead-letters']),
      plain(topics.decisions),
      plain(topics.outcomes),
    ])
    const loaded = await load(bus.log, wire, topics, Math.round(DECISIONS * scale))
    say(`loaded ${loaded.records} records at ${bus.place}`)
    const runs = new Map<Name, Run[]>(running.map(({ name }) => [name, []]))
    for (let round = 1; round <= rounds; round++)
      for (const contestant of running) {
        const result = await runOnce(bus, contestant, round, loaded.records)
        runs.get(contestant.name)!.push(result)
        say(`round ${round} ${contestant.name}: ${show(result)}`)
      }
    return report(running, runs, loaded)
  } finally {
    await bus.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runOnce(bus: Bus, contestant: Contestant, round: number, records: number): Promise<Run> {
  const { group, output } = contestant.names(round)
  const { inputs } = contestant
  await bus.log.createTopics(contestant.name === 'feedloop' ? ours(['transitions']) : [plain(output)])
  const { child, tail } = contestant.start(round)
  const broker = childWith('Broker')
  try {
    const subject = { child, tail, group, output, inputs, partitions: PARTITIONS, records }
    return await measure(bus.log, subject, broker, LIMIT_START_MS + records * LIMIT_MS_A_RECORD)
  } finally {
    await end(child)
    await forget(bus.brokers!, output, group)
  }
}

const ours = (wanted: readonly TopicName[]) => {
  const specs = topicSpecs({ prefix: PREFIX, partitions: PARTITIONS, policies: 1, replicationFactor: 1 })
  return specs.filter(({ topic }) => wanted.some(name => topicName(PREFIX, name) === topic))
}
const plain = (topic: string) => ({
  topic,
  partitions: PARTITIONS,
  replicationFactor: 1,
  config: { 'max.message.bytes': String(2 << 20) },
})

/** Removes what a run left, so that the disk does not fill, and the joiner begins anew (the peers' names are new anyway). */
async function forget(brokers: readonly string[], output: string, group: string): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  const left = (await admin.listTopics()).filter(name => name === output || name.startsWith(`${group}-`))
  await admin.deleteTopics({ topics: left })
  // A joiner that failed early left no group, and its own error is the one to be seen.
  if (output.startsWith(PREFIX)) await admin.deleteGroups([group]).catch(() => {})
  await admin.disconnect()
}

const round = (value: number, digits = 0): number => Number(value.toFixed(digits))
const show = (run: Run): string =>
  `${round(run.recordsPerSecond)} records/s, ${round(run.cpuMicros, 1)} µs CPU a record (broker ${round(run.brokerCpuMicros, 1)}), ` +
  `${round(run.peakRssMiB)} MiB, ${round(run.seconds, 1)} s (longest pause ${round(run.longestPause, 1)}), ${run.outputOffsets} output offsets`

function report(
  running: readonly Contestant[],
  runs: ReadonlyMap<Name, readonly Run[]>,
  loaded: { records: number; decisionBytes: number; outcomeBytes: number },
): BenchResult {
  const of = (name: Name, pick: (run: Run) => number) => median((runs.get(name) ?? []).map(pick))
  const figures = running.map(({ name, does }) => ({
    name,
    does,
    recordsPerSecond: round(of(name, run => run.recordsPerSecond)),
    cpuMicrosARecord: round(
      of(name, run => run.cpuMicros),
      1,
    ),
    brokerCpuMicrosARecord: round(
      of(name, run => run.brokerCpuMicros),
      1,
    ),
    peakRssMiB: round(of(name, run => run.peakRssMiB)),
    rounds: runs
      .get(name)!
      .map(run => ({ seconds: round(run.seconds, 1), recordsPerSecond: round(run.recordsPerSecond) })),
  }))
  const ratio = (pick: (run: Run) => number, other: Name) => round(of('feedloop', pick) / of(other, pick), 2)
  const speed = (run: Run) => run.recordsPerSecond
  const bars: Bar[] = [
    { name: 'records/s, of Kafka Streams', value: ratio(speed, 'streams'), unit: 'times', atLeast: 2 },
    {
      name: 'CPU a record, of Kafka Streams',
      value: ratio(run => run.cpuMicros, 'streams'),
      unit: 'times',
      atMost: 0.4,
    },
    { name: 'records/s, of the kafkajs copy', value: ratio(speed, 'kafkajs-copy'), unit: 'times', atLeast: 0.7 },
  ]
  const results = {
    records: loaded.records,
    partitions: PARTITIONS,
    decisionBytes: round(loaded.decisionBytes),
    outcomeBytes: round(loaded.outcomeBytes),
    ofJavaCopy: ratio(speed, 'java-copy'),
    contestants: figures,
  }
  return { results, bars: bars.filter(({ value }) => !Number.isNaN(value)) }
}
