import { type Command, Option } from 'commander'
import type { ConfigInput, ExplorerConfig } from '../config.ts'
import { createClassification, readRows } from '../environments/classification.ts'
import { environmentNames, openEnvironment } from '../environments/open.ts'
import { FeedloopError } from '../errors.ts'
import { allExplorers, bakeEnvironment, bakeFile } from '../evaluation/bakeoff/bakeoff.ts'
import { printJson } from './shared.ts'

interface BakeoffOptions {
  readonly json?: boolean
  readonly shuffles: string
  readonly seeds: string
  readonly decisions: string
  readonly environment?: string
  readonly world?: string
  readonly data?: string
  readonly explorers?: string
  readonly set: string
}

export function addBakeoff(program: Command): void {
  program
    .command('bakeoff [files...]')
    .description('every explorer over the learner on files (classification as a bandit) or in an environment')
    .option('--shuffles <n>', 'passes over each file, each in another order', '10')
    .addOption(new Option('--environment <name>', 'a world instead of files').choices(environmentNames))
    .option('--world <file>', 'constants of another recogym world (JSON)')
    .option('--data <folder>', 'data of the environment (jester: ratings.csv, jokes.csv)')
    .option('--decisions <n>', 'decisions of each run in an environment', '30000')
    .option('--seeds <n>', 'runs in an environment', '5')
    .option('--explorers <names>', 'only these, with commas between')
    .option('--set <json>', 'configuration laid over the defaults', '{}')
    .option('--json', 'print one JSON object')
    .action(bakeoff)
}

function bakeoff(files: readonly string[], options: BakeoffOptions): void {
  if (files.length === 0 && !options.environment)
    throw new FeedloopError('USAGE', 'name files (.arff, .csv), or an environment with --environment')
  const shared = {
    explorers: explorersOf(options),
    overrides: JSON.parse(options.set) as ConfigInput,
    say: (line: string) => void process.stderr.write(`${line}\n`),
  }
  const results = options.environment
    ? bakeEnvironment(openEnvironment(options.environment, options), count(options, 'decisions'), {
        ...shared,
        seeds: count(options, 'seeds'),
      })
    : files.flatMap(file =>
        bakeFile(createClassification(readRows(file)), { ...shared, seeds: count(options, 'shuffles') }),
      )
  if (options.json) printJson({ results })
  else for (const line of results.map(describe)) process.stdout.write(`${line}\n`)
}

function explorersOf({ explorers }: BakeoffOptions): readonly ExplorerConfig['name'][] {
  const names = explorers?.split(',') ?? allExplorers
  const unknown = names.find(name => !(allExplorers as readonly string[]).includes(name))
  if (unknown) throw new FeedloopError('USAGE', `no explorer ${unknown}: ${allExplorers.join(', ')}`)
  return names as readonly ExplorerConfig['name'][]
}

function count(options: BakeoffOptions, name: 'shuffles' | 'seeds' | 'decisions'): number {
  const value = Number(options[name])
  if (!Number.isInteger(value) || value < 1) throw new FeedloopError('USAGE', `--${name} ${options[name]}`)
  return value
}

type Result = ReturnType<typeof bakeFile>[number] | ReturnType<typeof bakeEnvironment>[number]

function describe(result: Result): string {
  const who = `${result.learner} ${result.explorer}`
  const cpu = `${result.cpuMsPerDecision.toFixed(3)} ms a decision`
  if ('loss' in result)
    return `${result.file}  ${who}: loss ${result.loss.mean.toFixed(4)} (sd ${result.loss.sd.toFixed(4)}), ${cpu}`
  const shares = Object.entries(result.shareOfGap).map(
    ([horizon, { mean, sd }]) => `${mean.toFixed(3)} (sd ${sd.toFixed(3)}) at ${horizon}`,
  )
  return `${result.environment}  ${who}: share of the gap ${shares.join(', ')}; ${cpu}`
}
