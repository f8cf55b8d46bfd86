import { basename } from 'node:path'
import cliProgress from 'cli-progress'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Config, type ConfigInput, parseConfig } from '../config.ts'
import { merge } from '../demo/merge.ts'
import type { Environment } from '../environments/environment.ts'
import { environmentNames, openEnvironment } from '../environments/open.ts'
import { FeedloopError } from '../errors.ts'
import { type AlgorithmName, algorithmNames } from '../learner/algorithms.ts'
import { createLearner } from '../learner/create.ts'
import { readWarmStart } from '../learner/warm-start-file.ts'
import { createWire } from '../log/wire/create.ts'
import type { Wire } from '../log/wire/wire.ts'
import { createStateEncoder } from '../state/encode.ts'
import { holdsTraining, type Kept, readTraining, type Settings, saveTraining } from '../training/folder.ts'
import { type Goal, measures, parseGoal } from '../training/goal.ts'
import { plotCurve } from '../training/plot.ts'
import { createRehearsal, type Lesson, lessonOfLog } from '../training/rehearsal.ts'
import { readLesson } from '../training/topic.ts'
import {
  bestOf,
  curveOf,
  type Ending,
  measureIn,
  measureLog,
  type Point,
  type TrainOptions,
  train,
} from '../training/train.ts'
import { createTrainer, type Trainer } from '../training/trainer.ts'
import { atLeast, configInput, onBus, printJson } from './shared.ts'

interface Flags {
  readonly environment?: string
  readonly world?: string
  readonly data?: string
  readonly mapping?: string
  readonly propensity?: string
  readonly topic?: string | true
  readonly config?: string
  readonly algorithm?: AlgorithmName
  readonly set: ConfigInput
  readonly steps: number
  readonly until?: Goal
  readonly converged?: boolean
  readonly folder?: string
  readonly resume?: boolean
  readonly every: number
  readonly sessions: number
  readonly learnEvery: number
  readonly seed: number
  readonly json?: boolean
}

/** Points that `--converged` averages, and by how much they must be higher than those before. */
const PATIENCE = { points: 10, least: 0.01 } as const

/** Its sessions are one decision long, and it needs its data. */
const trainable = environmentNames.filter(name => name !== 'jester')

export function addTrain(program: Command): void {
  program
    .command('train')
    .description('learn in an environment or from a log, in this process, until a goal or until nothing gets better')
    .addOption(new Option('--environment <name>', 'the world').choices(trainable))
    .option('--world <file>', 'constants of another recogym world (JSON)')
    .option('--data <file>', "instead: a log of others' decisions (.csv, .tsv or JSON lines)")
    .option('--mapping <file>', 'of the log, as for `feedloop replay`')
    .option('--propensity <name>', "entry of the log's context that holds the probability of what was shown")
    .option('--topic [policy]', 'instead: the transitions of a policy of --config, the first one by default')
    .option('-c, --config <file>', 'with --topic: configuration file (YAML)')
    .addOption(new Option('--algorithm <name>', 'the learner').choices(algorithmNames))
    .option('--set <json>', "configuration laid over the environment's", configInput, {})
    .option('--steps <n>', 'decisions at most', atLeast(1), 100_000)
    .option(
      '--until <goal>',
      `a goal, e.g. "reward>=0.5": ${measures.join(', ')} (share of the way of the return from chance to the optimum, where both are known)`,
      goal,
    )
    .option('--converged', 'until the return does not rise any more')
    .option('--folder <folder>', 'keeps versions, progress and the learning curve')
    .option('--resume', 'goes on with what the folder holds, with its settings')
    .option('--every <n>', 'decisions between two points of the curve, each of them a checkpoint', atLeast(1), 1000)
    .option('--sessions <n>', 'sessions side by side', atLeast(1), 16)
    .option('--learn-every <n>', 'transitions between two versions', atLeast(1), 256)
    .option('--seed <n>', 'of the people', atLeast(0), 1)
    .option('--json', 'print the result with the learning curve as one JSON object')
    .action(command)
}

function goal(text: string): Goal {
  const read = parseGoal(text)
  if (!read) throw new InvalidArgumentError(`It is not like "reward>=0.5", of ${measures.join(', ')}.`)
  return read
}

async function command(flags: Flags): Promise<void> {
  const wire = await createWire({ prefix: '' })
  const kept = before(flags, wire)
  const settings = kept?.settings ?? settingsOf(flags)
  const ground = await groundOf(settings, kept)
  const { trainer, environment } = ground
  assertMeasured(flags.until, ground)
  const shown = showProgress(flags, trainer.progress.decisions)
  const keep = keeper(flags.folder, wire, settings, ground)
  const interrupted = onInterrupt()
  const { ending, points } = await train({
    trainer,
    measure: ground.measure,
    every: settings.every,
    steps: flags.steps,
    goal: flags.until,
    patience: flags.converged ? PATIENCE : undefined,
    points: kept?.points,
    onPoint(point, all) {
      shown.point(point)
      keep(all)
    },
    stopped: interrupted.asked,
  })
  interrupted.forget()
  shown.stop()
  const best = bestOf(points)
  if (flags.json) printJson({ ending, best, rates: environment?.rates(), returns: environment?.returns?.(), points })
  else process.stdout.write(`${describe(ending, points, best)}\n`)
  // 1: what was asked for was not reached
  if (flags.until && ending !== 'reached') process.exitCode = 1
}

/** Else it would be played to the end for a goal that nothing reaches. @throws FeedloopError USAGE */
function assertMeasured(until: Goal | undefined, { name, environment }: Ground): void {
  const known = environment ? (environment.returns ? measures : (['reward', 'return'] as const)) : (['reward'] as const)
  if (until && !known.some(each => each === until.measure))
    throw new FeedloopError('USAGE', `--until ${until.measure}: ${name} has ${known.join(' and ')} only`)
}

/** What the folder holds. @throws FeedloopError USAGE, DATA_MISSING */
function before({ folder, resume }: Flags, wire: Wire): ReturnType<typeof readTraining> | undefined {
  if (resume && !folder) throw new FeedloopError('USAGE', '--resume needs --folder')
  if (resume) return readTraining(folder!, wire)
  if (folder && holdsTraining(folder))
    throw new FeedloopError('USAGE', `${folder} holds a training: --resume goes on with it`)
  return undefined
}

/** @throws FeedloopError USAGE */
function settingsOf(flags: Flags): Settings {
  const { environment, world, data, mapping, propensity, topic, algorithm, set, seed, sessions, learnEvery, every } =
    flags
  if ([environment, data, topic].filter(Boolean).length > 1)
    throw new FeedloopError('USAGE', 'one of --environment, --data and --topic')
  if (data && !mapping) throw new FeedloopError('USAGE', '--data needs --mapping')
  if (topic && !flags.config) throw new FeedloopError('USAGE', '--topic needs --config')
  const log = data ? { warmStart: { data, mapping, propensity } } : {}
  const config = merge<ConfigInput>({ policies: [{ ...(algorithm && { algorithm }), ...log }] } as ConfigInput, set)
  const common = { seed, sessions, learnEvery, every, config }
  if (topic) return { ...common, configFile: flags.config, policy: topic === true ? undefined : topic }
  return data ? common : { ...common, environment: environment ?? 'long-term', world }
}

/** What is trained on. */
interface Ground {
  readonly trainer: Trainer
  readonly measure: TrainOptions['measure']
  readonly name: string
  /** Absent: a log. */
  readonly environment?: Environment
}

async function groundOf(settings: Settings, from: ReturnType<typeof before>): Promise<Ground> {
  if (settings.environment !== undefined)
    return groundIn(openEnvironment(settings.environment, settings), settings, from)
  if (settings.configFile !== undefined) return groundOnTopic(settings, from)
  const config = parseConfig(settings.config)
  const log = (await readWarmStart(config, config.policies[0], Date.now()))!
  return groundOn(
    config,
    { lesson: lessonOfLog(config, log), name: basename(config.policies[0].warmStart!.data) },
    settings,
    from,
  )
}

async function groundIn(
  environment: Environment,
  settings: Settings,
  from: ReturnType<typeof before>,
): Promise<Ground> {
  const { seed, sessions, learnEvery } = settings
  const config = parseConfig(merge(environment.preset, settings.config))
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const trainer = createTrainer({ environment, config, learner, seed, sessions, learnEvery, from })
  return { trainer, measure: measureIn(environment, config), name: environment.name, environment }
}

/** The policy as it is configured, with what is laid over it. @throws FeedloopError USAGE */
async function groundOnTopic(settings: Settings, from: ReturnType<typeof before>): Promise<Ground> {
  const { policy = undefined, configFile } = settings
  return onBus({ config: configFile }, async ({ log, wire, config: whole }) => {
    const own = policy === undefined ? whole.policies[0] : whole.policies.find(({ name }) => name === policy)
    if (!own) throw new FeedloopError('USAGE', `no policy ${policy} in ${configFile}`)
    const { explorer, algorithm, ...rest } = own
    const learned = settings.config.policies?.[0]?.algorithm
    // of another algorithm another explorer
    const begun = learned === undefined || learned === algorithm ? own : rest
    const config = parseConfig(merge({ ...whole, policies: [begun] }, settings.config))
    const lesson = await readLesson({ log, wire, config: whole, prefix: whole.topics.prefix }, own.name)
    return groundOn(config, { lesson, name: own.name }, settings, from)
  })
}

async function groundOn(
  config: Config,
  { lesson, name }: { readonly lesson: Lesson; readonly name: string },
  { learnEvery }: Settings,
  from: ReturnType<typeof before>,
): Promise<Ground> {
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  return { trainer: createRehearsal({ config, learner, lesson, learnEvery, from }), measure: measureLog, name }
}

function keeper(folder: string | undefined, wire: Wire, settings: Settings, { trainer, name, environment }: Ground) {
  return (points: readonly Point[]): void => {
    const { model, progress } = trainer
    if (folder === undefined || !model) return
    const plot = plotCurve(curveOf(`${name}, ${model.algorithm}`, points, environment))
    const best = bestOf(points)?.version ?? model.version
    const kept: Omit<Kept, 'last' | 'best'> = { settings, progress, points }
    saveTraining(folder, wire, kept, { model, best, plot })
  }
}

/** A bar where someone looks on. */
function showProgress({ steps, json }: Flags, from: number) {
  const format = '{bar} {value} of {total} decisions, {so}'
  const bar = new cliProgress.SingleBar({ format, noTTYOutput: false, clearOnComplete: true })
  bar.start(steps, from, { so: '…' })
  return {
    point(point: Point): void {
      bar.update(Math.min(steps, point.decisions), { so: say(point) })
      if (!json && !process.stderr.isTTY) process.stdout.write(`${point.decisions} decisions: ${say(point)}\n`)
    },
    stop: () => bar.stop(),
  }
}

const say = ({ reward, return: sum, share }: Point): string =>
  [
    `reward ${reward.toFixed(4)}`,
    ...(sum === null ? [] : [`return ${sum.toFixed(3)}`]),
    ...(share === null ? [] : [`share ${share.toFixed(3)}`]),
  ].join(', ')

const endings: Readonly<Record<Ending, string>> = {
  reached: 'The goal is reached',
  converged: 'Nothing gets better',
  steps: 'The steps are over',
  over: 'The world is over',
  stopped: 'Stopped',
}

const describe = (ending: Ending, points: readonly Point[], best: Point | undefined): string =>
  `${endings[ending]} after ${points.at(-1)?.decisions ?? 0} decisions${best ? `; best: ${say(best)} with version ${best.version}` : ''}.`

/** The first interrupt ends the training after its point, the second the process. */
function onInterrupt() {
  let asked = false
  const ask = (): void => {
    asked = true
  }
  process.once('SIGINT', ask)
  return { asked: () => asked, forget: () => void process.removeListener('SIGINT', ask) }
}
