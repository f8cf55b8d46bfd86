import { type Command, Option } from 'commander'
import logUpdate from 'log-update'
import type { ConfigInput } from '../config.ts'
import { type LoopProgress, runLoop } from '../demo/loop.ts'
import { quantiles, summarise } from '../demo/report.ts'
import { plainLine, renderDemo } from '../demo/view.ts'
import type { Environment } from '../environments/environment.ts'
import { environmentNames, openEnvironment } from '../environments/open.ts'
import { type AlgorithmName, algorithmNames } from '../learner/algorithms.ts'
import { atLeast, printJson } from './shared.ts'

interface DemoOptions {
  readonly json?: boolean
  readonly bus: 'auto' | 'kafka' | 'embedded'
  readonly seconds: number
  readonly environment: string
  readonly world?: string
  readonly data?: string
  readonly algorithm?: AlgorithmName
  readonly seed: number
  readonly partitions: number
  readonly sessions: number
}

/** Decisions that count as lately in the view. */
const RECENT = 5000
const PLAIN_EVERY_S = 5

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('the whole loop live on simulated people, with a summary at the end')
    .option('--json', 'print one JSON object instead of the view')
    .addOption(new Option('--bus <bus>', 'where the log is').choices(['auto', 'kafka', 'embedded']).default('auto'))
    .option('--seconds <n>', 'how long the traffic runs', atLeast(1, 'any'), 90)
    .addOption(new Option('--environment <name>', 'the world').choices(environmentNames).default('recogym'))
    .option('--world <file>', 'constants of another recogym world (JSON)')
    .option('--data <folder>', 'data of the environment (jester: ratings.csv, jokes.csv)')
    .addOption(
      new Option(
        '--algorithm <name>',
        'the learner; absent: v-trace in a world with a discount, linear-gaussian elsewhere',
      ).choices(algorithmNames),
    )
    .option('--seed <n>', 'of the simulated people', atLeast(0), 1)
    .option('--partitions <n>', 'partitions of the per-user topics', atLeast(1), 2)
    .option('--sessions <n>', 'concurrent people', atLeast(1), 256)
    .action(demo)
}

async function demo(options: DemoOptions): Promise<void> {
  const environment = openEnvironment(options.environment, { world: options.world, data: options.data })
  const report = await runLoop({
    environment,
    bus: options.bus,
    seconds: options.seconds,
    seed: options.seed,
    sessions: options.sessions,
    config: configOf(options),
    onPlace: options.json ? undefined : place => process.stdout.write(`On ${place}.\n`),
    progress: options.json ? undefined : showProgress(environment, options.seconds),
  })
  logUpdate.done()
  if (options.json) printJson(report)
  else process.stdout.write(`\n${summarise(report)}\n`)
  // 1: the accounts do not add up
  if (!report.balanced) process.exitCode = 1
}

const configOf = ({ partitions, algorithm }: DemoOptions): ConfigInput => ({
  topics: { partitions },
  policies: [{ algorithm }],
})

/** Redraws on a terminal; elsewhere a line now and then. */
function showProgress(environment: Environment, totalSeconds: number): (progress: LoopProgress) => void {
  let saidSeconds = -PLAIN_EVERY_S
  let saidPhase = ''
  return progress => {
    const now = snapshot(environment, totalSeconds, progress)
    if (process.stdout.isTTY) logUpdate(renderDemo(now, process.stdout.columns))
    else if (progress.phase !== saidPhase || progress.elapsedSeconds >= saidSeconds + PLAIN_EVERY_S) {
      saidSeconds = progress.elapsedSeconds
      saidPhase = progress.phase
      process.stdout.write(`${plainLine(now)}\n`)
    }
  }
}

function snapshot(environment: Environment, totalSeconds: number, progress: LoopProgress) {
  const stats = progress.drive?.stats()
  return {
    title: environment.name,
    algorithm: progress.algorithm,
    place: progress.place,
    elapsedSeconds: progress.elapsedSeconds,
    totalSeconds,
    phase: progress.phase,
    decisions: stats?.decisions ?? 0,
    decisionsPerSecond: (stats?.decisions ?? 0) / Math.max(1, progress.elapsedSeconds),
    events: stats?.events ?? 0,
    modelVersion: progress.modelVersion,
    freshnessMs: quantiles(progress.agesMs.slice(-2000)),
    recentRate: progress.drive?.recent(RECENT) ?? Number.NaN,
    overallRate: progress.drive?.recent(Number.POSITIVE_INFINITY) ?? Number.NaN,
    world: environment.rates(),
  }
}
