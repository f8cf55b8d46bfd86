import cliProgress from 'cli-progress'
import { type Command, Option } from 'commander'
import type { ConfigInput } from '../config.ts'
import { createClassification, type Rows, readRows } from '../environments/classification.ts'
import { environmentNames, openEnvironment } from '../environments/open.ts'
import { FeedloopError } from '../errors.ts'
import {
  allLearners,
  type BakeoffOptions,
  bakeEnvironment,
  bakeFile,
  type EnvironmentResult,
  entrantsOf,
  type FileResult,
  needsTensorFlow,
} from '../evaluation/bakeoff/bakeoff.ts'
import { loadTensorFlow } from '../learner/tensorflow.ts'
import { explorerNames } from '../ranker/explorers/schema.ts'
import { atLeast, configInput, printJson } from './shared.ts'

interface Flags {
  readonly json?: boolean
  readonly shuffles: number
  readonly seeds: number
  readonly decisions: number
  readonly environment?: string
  readonly world?: string
  readonly data?: string
  readonly explorers?: string
  readonly learners?: string
  readonly set: ConfigInput
}

export function addBakeoff(program: Command): void {
  program
    .command('bakeoff [files...]')
    .description('every learner and explorer on files (.arff, .csv: classification as a bandit) or in an environment')
    .option('--shuffles <n>', 'passes over each file, each in another order', atLeast(1), 10)
    .addOption(new Option('--environment <name>', 'a world instead of files').choices(environmentNames))
    .option('--world <file>', 'constants of another recogym world (JSON)')
    .option('--data <folder>', 'data of the environment (jester: ratings.csv, jokes.csv)')
    .option('--decisions <n>', 'decisions of each run in an environment', atLeast(1), 30_000)
    .option('--seeds <n>', 'runs in an environment', atLeast(1), 5)
    .option('--explorers <names>', `only these, with commas between: ${explorerNames.join(', ')}`)
    .option(
      '--learners <names>',
      `each explorer over all of these (${allLearners.join(', ')}); else over the first that is enough for it`,
    )
    .option('--set <json>', 'configuration laid over the defaults', configInput, {})
    .option('--json', 'print one JSON object at the end; what is there before goes to standard error')
    .action(bakeoff)
}

async function bakeoff(files: readonly string[], flags: Flags): Promise<void> {
  if (files.length === 0 && !flags.environment)
    throw new FeedloopError('USAGE', 'name files (.arff, .csv), or an environment with --environment')
  const runs = flags.environment ? flags.seeds : flags.shuffles
  const chosen = {
    explorers: namesOf(flags.explorers, explorerNames, 'explorer'),
    learners: flags.learners === undefined ? undefined : namesOf(flags.learners, allLearners, 'learner'),
  }
  const worlds = flags.environment ? 1 : files.length
  const entrants = entrantsOf(chosen)
  const tensorflow = needsTensorFlow(entrants) ? await loadTensorFlow() : undefined
  const shown = showProgress(worlds * entrants.length * runs, flags.json === true)
  const options = { ...chosen, ...shown, tensorflow, seeds: runs, overrides: flags.set }
  const results = flags.environment
    ? bakeEnvironment(openEnvironment(flags.environment, flags), flags.decisions, options)
    : files.flatMap(file => {
        const rows = readRows(file)
        tell(describeRows(rows, runs), flags.json === true)
        return bakeFile(createClassification(rows), options)
      })
  shown.stop()
  if (flags.json) printJson({ results })
}

/** A bar where someone looks on, and each result the moment it is there. */
function showProgress(
  runs: number,
  json: boolean,
): Pick<BakeoffOptions, 'progress' | 'onResult'> & { readonly stop: () => void } {
  const bar = new cliProgress.SingleBar({
    format: '{bar} {value} of {total} runs, last {entrant}',
    noTTYOutput: false,
    clearOnComplete: true,
  })
  bar.start(runs, 0, { entrant: '…' })
  return {
    progress: ({ learner, explorer }) => bar.increment({ entrant: `${learner} ${explorer}` }),
    onResult(result) {
      tell(describe(result), json)
    },
    stop: () => bar.stop(),
  }
}

/** In place of the bar. */
function tell(line: string, json: boolean): void {
  const out = json ? process.stderr : process.stdout
  out.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${line}\n`)
}

const describeRows = ({ name, labels, columns, classes }: Rows, orders: number): string =>
  `${name}  ${labels.length} rows, ${columns.length} features, ${classes.length} classes; loss: share of the rows of which another class was chosen, in one pass, over ${orders} orders`

function namesOf<Name extends string>(
  wanted: string | undefined,
  known: readonly Name[],
  what: string,
): readonly Name[] {
  if (wanted === undefined) return known
  const names = wanted.split(',')
  const unknown = names.find(name => !(known as readonly string[]).includes(name))
  if (unknown !== undefined) throw new FeedloopError('USAGE', `no ${what} ${unknown}: ${known.join(', ')}`)
  return names as unknown as readonly Name[]
}

function describe(result: FileResult | EnvironmentResult): string {
  const who = `${result.learner} ${result.explorer}`
  const cpu = `${result.cpuMsPerDecision.toFixed(3)} ms a decision`
  if ('loss' in result)
    return `${result.file}  ${who}: loss ${result.loss.mean.toFixed(4)} (sd ${result.loss.sd.toFixed(4)}), ${cpu}`
  const shares = Object.entries(result.shareOfGap).map(
    ([horizon, { mean, sd }]) => `${mean.toFixed(3)} (sd ${sd.toFixed(3)}) at ${horizon}`,
  )
  return `${result.environment}  ${who}: share of the gap ${shares.join(', ')}; ${cpu}`
}
