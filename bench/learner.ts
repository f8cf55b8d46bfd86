/** How fast the default learner learns, beside Vowpal Wabbit; from Kafka; and what a million items take. See README.md. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDecisions, toText, toTransition } from './learner/decisions.ts'
import { measureSpeed } from './learner/speed.ts'
import type { Bar, BenchOptions, BenchResult } from './main.ts'
import { runScript, vowpalWabbit } from './vw/vw.ts'

const DECISIONS = 20_000
const DIMENSIONS = [64, 128, 256]
const PART = '--cb_adf -q UA'
const WHOLE = '--cb_explore_adf -q UA --squarecb'

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const round = (value: number): number => Number(value.toPrecision(4))

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-bench-'))
  try {
    return await speeds(folder, Number(args.rounds ?? 3), say)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Drive {
  readonly textCpuSeconds: number
  readonly cacheCpuSeconds: number
}

async function speeds(folder: string, rounds: number, say: BenchOptions['say']): Promise<BenchResult> {
  const peer = vowpalWabbit()
  if (!peer) say('Python has no vowpalwabbit: nothing is compared (pip install vowpalwabbit, FEEDLOOP_PYTHON)')
  const decisions = createDecisions(DECISIONS, 1)
  const transitions = decisions.map(toTransition)
  const file = join(folder, 'decisions.vw')
  writeFileSync(file, decisions.map(toText).join('\n'))
  const ours: Awaited<ReturnType<typeof measureSpeed>>[] = []
  const theirs: { learn: Drive; whole: Drive }[] = []
  for (let n = 0; n < rounds; n++) {
    for (const d of DIMENSIONS) ours.push(await measureSpeed(transitions, d))
    if (peer) theirs.push({ learn: runScript('drive.py', [file, PART]), whole: runScript('drive.py', [file, WHOLE]) })
    say(JSON.stringify({ ours: ours.slice(-3), theirs: theirs.at(-1) }))
  }
  return { results: {}, bars: [] as Bar[] }
}
