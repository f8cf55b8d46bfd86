/**
 * How fast the default learner learns: CPU a decision at d = 64, 128, 256, beside Vowpal Wabbit's file driver on the same
 * decisions, in turns; transitions a second of the learner service from a real Kafka; memory with a million items.
 * `--only cpu,kafka,memory`: some of it. `--scale 0.1` shrinks the last two.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDecisions, toText, toTransition } from './learner/decisions.ts'
import { learnFromKafka } from './learner/kafka.ts'
import type { MemoryOptions, MemoryResult } from './learner/memory.ts'
import { measureSpeed, settingsOf } from './learner/speed.ts'
import type { Bar, BenchOptions, BenchResult } from './main.ts'
import { runScript, vowpalWabbit } from './vw/vw.ts'

const DECISIONS = 20_000
const DIMENSIONS = [64, 128, 256]
/** Those of the bars on Kafka and memory. */
const D = 64
const KAFKA_PASSES = 15
const ITEMS = 1_000_000
const vwOptions = { learn: '--cb_adf -q UA', decideAndLearn: '--cb_explore_adf -q UA --squarecb' }
type Task = keyof typeof vwOptions

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const round = (value: number): number => Number(value.toPrecision(4))

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-bench-'))
  const wanted = typeof args.only === 'string' ? args.only.split(',') : ['cpu', 'kafka', 'memory']
  const scale = Number(args.scale ?? 1)
  const parts: Record<string, () => Promise<BenchResult> | BenchResult> = {
    cpu: () => cpu(folder, Number(args.rounds ?? 3), say),
    kafka: () => kafka(folder, scale),
    memory: () => memory(Math.round(ITEMS * scale)),
  }
  try {
    const results: Record<string, unknown> = {}
    const bars: Bar[] = []
    for (const name of wanted) {
      const part = await parts[name]()
      results[name] = part.results
      bars.push(...part.bars)
      say(JSON.stringify(part.results))
    }
    return { results, bars }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Drive {
  readonly textCpuSeconds: number
  readonly cacheCpuSeconds: number
}

/** CPU µs a decision, medians of the rounds. */
async function cpu(folder: string, rounds: number, say: BenchOptions['say']): Promise<BenchResult> {
  const peer = vowpalWabbit()
  if (!peer) say('Python has no vowpalwabbit: nothing is compared (pip install vowpalwabbit, FEEDLOOP_PYTHON)')
  const decisions = createDecisions(DECISIONS, 1)
  const transitions = decisions.map(toTransition)
  const file = join(folder, 'decisions.vw')
  writeFileSync(file, decisions.map(toText).join('\n'))
  const ours: Awaited<ReturnType<typeof measureSpeed>>[] = []
  const theirs: Record<Task, number[]> = { learn: [], decideAndLearn: [] }
  for (let n = 1; n <= rounds; n++) {
    for (const d of DIMENSIONS) ours.push(await measureSpeed(transitions, d))
    for (const task of peer ? (['learn', 'decideAndLearn'] as const) : [])
      theirs[task].push(microsOf(runScript('drive.py', [file, vwOptions[task]])))
    say(`round ${n}: ${JSON.stringify(ours.slice(-DIMENSIONS.length))}`)
  }
  const of = (d: number, task: Task) => median(ours.filter(each => each.d === d).map(each => each[task]))
  const vw = peer && { learn: median(theirs.learn), decideAndLearn: median(theirs.decideAndLearn) }
  const shown = DIMENSIONS.map(d => ({
    d,
    ...ratesOf({ learn: of(d, 'learn'), decideAndLearn: of(d, 'decideAndLearn') }),
  }))
  const results = { feedloop: shown, vowpalWabbit: vw ? { version: peer, ...ratesOf(vw) } : 'absent' }
  if (!vw) return { results, bars: [] }
  const value = round(vw.learn / of(D, 'learn'))
  return { results, bars: [{ name: `learn only, d = ${D}, of Vowpal Wabbit`, value, unit: 'times', atLeast: 3 }] }
}

/** The faster way of theirs. */
const microsOf = ({ textCpuSeconds, cacheCpuSeconds }: Drive): number =>
  (1e6 * Math.min(textCpuSeconds, cacheCpuSeconds)) / DECISIONS

const ratesOf = (micros: Record<Task, number>) => ({
  learnMicros: round(micros.learn),
  learnedPerCpuSecond: Math.round(1e6 / micros.learn),
  decideAndLearnMicros: round(micros.decideAndLearn),
  decidedAndLearnedPerCpuSecond: Math.round(1e6 / micros.decideAndLearn),
})

async function kafka(folder: string, scale: number): Promise<BenchResult> {
  const transitions = createDecisions(DECISIONS, 1).map(toTransition)
  const passes = Math.ceil(KAFKA_PASSES * scale)
  const results = await learnFromKafka({ transitions, passes, settings: settingsOf(D), folder })
  const name = 'transitions/s of one learner process from Kafka'
  return { results, bars: [{ name, value: results.perSecond, unit: '1/s', atLeast: 10_000 }] }
}

/** In a process of its own, whose peak it is. */
function memory(items: number): BenchResult {
  const options: MemoryOptions = { items, d: D }
  const file = fileURLToPath(new URL('./learner/memory.ts', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [file, JSON.stringify(options)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`memory.ts ended with ${status}`)
  const results = { items, ...(JSON.parse(stdout) as MemoryResult) }
  return { results, bars: [{ name: `memory with ${items} items`, value: results.peakMiB, unit: 'MiB', atMost: 2000 }] }
}
