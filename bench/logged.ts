/**
 * Vowpal Wabbit's own logged-bandit files: every learner passes over them once, in order, with the shipped defaults, and is
 * scored by SNIPS from the logged probabilities, asked at each decision before it learns it; Vowpal Wabbit likewise with the
 * options of its own test suite, where Python has it. A bar holds when a learner costs at most two standard errors of the
 * difference more than the best of Vowpal Wabbit on the same file. `--only linear-gaussian,…`: some learners.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfigInput } from '../src/config.ts'
import { FeedloopError } from '../src/errors.ts'
import { realData } from '../test/real-data.ts'
import { type Algorithm, passOver } from './logged/progressive.ts'
import { type LoggedDecision, readLogged } from './logged/read.ts'
import { excess, snips, type Value } from './logged/snips.ts'
import type { Bar, BenchOptions, BenchResult } from './main.ts'
import { runScript, vowpalWabbit } from './vw/vw.ts'

const learners: readonly Algorithm[] = ['linear-gaussian', 'bagged-linear', 'neural-linear', 'two-tower']

/** What ours is: the learner's best action; that under the floor of Vowpal Wabbit's --cb_explore; the default explorer's. */
type Way = 'greedy' | 'floor' | 'exploring'
const VW_EPSILON = 0.05

interface LoggedFile {
  readonly file: string
  /** Of a file without groups. */
  readonly actions?: number
  /** How wide its context is. */
  readonly describe: ConfigInput
  /** Vowpal Wabbit's options by name, under the way of ours that they are beside. */
  readonly peers: Partial<Record<Way, Readonly<Record<string, string>>>>
}

const wide = (contextDimensions: number, dimensions: number): ConfigInput => ({
  state: { blocks: ['context'], contextDimensions },
  features: { dimensions },
})

const text = '--ngram 2 --skips 4 -b 24'
const files: readonly LoggedFile[] = [
  {
    file: 'rcv1_raw_cb_small.vw',
    actions: 2,
    describe: wide(2048, 2),
    peers: {
      greedy: {
        dr: `--cb 2 --cb_type dr ${text} -l 0.25`,
        ips: `--cb 2 --cb_type ips ${text} -l 0.125`,
        dm: `--cb 2 --cb_type dm ${text} -l 0.125`,
      },
      floor: { explore: `--cb_explore 2 --epsilon ${VW_EPSILON} ${text} -l 0.25` },
    },
  },
  {
    file: 'cb_load.dat',
    describe: wide(16, 8),
    peers: {
      exploring: {
        squarecb: '--cb_explore_adf -q UA --squarecb',
        regcb: '--cb_explore_adf -q UA --regcb --mellowness 0.001',
        first: '--cb_explore_adf -q UA --first 130',
      },
    },
  },
]

interface Scored {
  readonly name: string
  readonly value: Value
}

/** @throws FeedloopError DATA_MISSING */
export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  if (!existsSync(join(realData, 'vw')))
    throw new FeedloopError('DATA_MISSING', `no data at ${realData}: set FEEDLOOP_DATA`)
  const wanted = typeof args.only === 'string' ? args.only.split(',') : learners
  const peer = vowpalWabbit()
  if (!peer) say('Python has no vowpalwabbit: nothing is compared (pip install vowpalwabbit, FEEDLOOP_PYTHON)')
  const results: unknown[] = []
  const bars: Bar[] = []
  for (const each of files) {
    const { result, judged } = await benchFile(
      each,
      learners.filter(name => wanted.includes(name)),
      peer !== undefined,
      say,
    )
    results.push(result)
    bars.push(...judged)
  }
  return { results: { vowpalWabbit: peer ?? 'absent', files: results, evaluation: evaluate(peer !== undefined) }, bars }
}

async function benchFile(each: LoggedFile, names: readonly Algorithm[], peer: boolean, say: BenchOptions['say']) {
  const file = join(realData, 'vw', each.file)
  const logged = readLogged(file, each.actions)
  const result: object[] = []
  const theirs = new Map<string, Scored[]>()
  for (const [way, options] of peer ? Object.entries(each.peers) : [])
    theirs.set(
      way,
      Object.entries(options).map(([name, line]) => scoreTheirs(`vw ${name}`, logged, file, line)),
    )
  for (const scored of theirs.values()) result.push(...scored.map(shown))
  const judged: Bar[] = []
  for (const name of names) {
    const { greedy, exploring, cpuMsPerDecision } = await passOver(logged, name, each.describe)
    const floor = greedy.map((chance, i) => (1 - VW_EPSILON) * chance + VW_EPSILON / logged[i].actions.length)
    for (const [way, chances] of Object.entries({ greedy, floor, exploring })) {
      const ours = { name: `${name} ${way}`, value: snips(logged, chances) }
      result.push(shown(ours))
      judged.push(...barOf(each.file, ours, theirs.get(way) ?? []))
    }
    result.push({ name, cpuMsPerDecision: round(cpuMsPerDecision) })
    say(`${each.file} ${name}: ${cpuMsPerDecision.toFixed(2)} ms of CPU a decision`)
  }
  return { result: { file: each.file, decisions: logged.length, scores: result }, judged }
}

const round = (value: number): number => Number(value.toFixed(4))
const shown = ({ name, value: { cost, standardError, coverage } }: Scored) => ({
  name,
  cost: round(cost),
  standardError: round(standardError),
  coverage: round(coverage),
})

/** Against the best of theirs; none: no bar. */
function barOf(file: string, ours: Scored, theirs: readonly Scored[]): Bar[] {
  if (theirs.length === 0) return []
  const best = theirs.reduce((a, b) => (b.value.cost < a.value.cost ? b : a))
  const name = `${file}: ${ours.name}, cost above ${best.name}`
  return [{ name, value: round(excess(ours.value, best.value)), unit: 'standard errors', atMost: 2 }]
}

interface Predictions {
  /** An action from 1, or a probability an action. */
  readonly predictions: readonly (number | readonly number[])[]
  readonly loss: number
}

function scoreTheirs(name: string, logged: readonly LoggedDecision[], file: string, options: string): Scored {
  const { predictions } = runScript<Predictions>('predict.py', [file, options])
  const chances = logged.map(({ taken }, i) => {
    const predicted = predictions[i]
    return typeof predicted === 'number' ? Number(predicted === taken + 1) : predicted[taken]
  })
  return { name, value: snips(logged, chances) }
}

/** The policy that the evaluation file names, by SNIPS; beside it Vowpal Wabbit's doubly robust estimate. */
function evaluate(peer: boolean) {
  const file = join(realData, 'vw', 'rcv1_cb_eval')
  const logged = readLogged(file, 2)
  const { cost, standardError } = snips(
    logged,
    logged.map(({ target, taken }) => Number(target === taken)),
  )
  const theirs = peer ? round(runScript<Predictions>('predict.py', [file, '--cb 2 --eval']).loss) : 'absent'
  return { file: 'rcv1_cb_eval', cost: round(cost), standardError: round(standardError), vowpalWabbit: theirs }
}
