/**
 * `npm run bench -- NAME [--json]`. Every benchmark returns figures and bars; a bar that fails makes the exit code 1.
 * What is measured and what is not: bench/README.md.
 */
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'

export interface Bar {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly atLeast?: number
  readonly atMost?: number
}

export interface BenchResult {
  readonly results: unknown
  readonly bars: readonly Bar[]
}

export interface BenchOptions {
  readonly args: Readonly<Record<string, string | boolean | undefined>>
  /** Progress for people, on stderr. */
  readonly say: (line: string) => void
}

const benches: Readonly<Record<string, () => Promise<{ bench(options: BenchOptions): Promise<BenchResult> }>>> = {
  join: () => import('./join.ts'),
  'join-state': () => import('./join-state.ts'),
  learner: () => import('./learner.ts'),
  learning: () => import('./learning.ts'),
  logged: () => import('./logged.ts'),
  loop: () => import('./loop.ts'),
  constraints: () => import('./constraints.ts'),
  retrieval: () => import('./retrieval.ts'),
  sequences: () => import('./sequences.ts'),
  'user-state': () => import('./user-state.ts'),
  rank: () => import('./rank.ts'),
}

export const passes = ({ value, atLeast, atMost }: Bar): boolean =>
  Number.isFinite(value) && (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost)

const machine = () => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
})

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    strict: false,
    options: {
      json: { type: 'boolean' },
      quick: { type: 'boolean' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      scale: { type: 'string' },
      only: { type: 'string' },
      seeds: { type: 'string' },
    },
  })
  const load = benches[positionals[0] ?? '']
  if (!load) {
    process.stderr.write(`usage: npm run bench -- NAME [--json]\nnames: ${Object.keys(benches).join(', ')}\n`)
    return 2
  }
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const { results, bars } = await (await load()).bench({ args: values, say })
  const judged = bars.map(bar => ({ ...bar, pass: passes(bar) }))
  if (values.json) process.stdout.write(`${JSON.stringify({ machine: machine(), results, bars: judged }, null, 2)}\n`)
  else {
    process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
    for (const bar of judged)
      process.stdout.write(
        `${bar.pass ? 'pass' : 'FAIL'}  ${bar.name}: ${bar.value} ${bar.unit} (${bar.atLeast === undefined ? `at most ${bar.atMost}` : `at least ${bar.atLeast}`})\n`,
      )
  }
  return judged.every(bar => bar.pass) ? 0 : 1
}

process.exit(await main())
