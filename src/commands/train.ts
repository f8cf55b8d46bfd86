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
import { type Goal, type Measure, measures, parseGoal } from '../training/goal.ts'
import { createMemory, type Memory } from '../training/memory.ts'
import { plotCurve } from '../training/plot.ts'
import { createRehearsal, type Lesson, lessonOfLog } from '../training/rehearsal.ts'
import { readLesson } from '../training/topic.ts'
import { bestOf, curveOf, measureIn, measureLog, type Point, type TrainOptions, train } from '../training/train.ts'
import { createTrainer, type Trainer } from '../training/trainer.ts'
import { atLeast, configInput, onBus, printJson } from './shared.ts'
import { describe, describeGround, say, whyUnknown } from './train-words.ts'

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

const DEFAULT_ENVIRONMENT = 'long-term'

/** Its sessions are one decision long, and it needs its data. */
const trainable = environmentNames.filter(name => name !== 'jester')

export function addTrain(program: Command): void {
  program
    .command('train')
    .description('learn in an environment or from a log, in this process, until a goal or until nothing gets better')
    .addOption(
      // no default of commander's: one of it would be an environment beside --data or --topic
      new Option(
        '--environment <name>',
        `the world (default: "${DEFAULT_ENVIRONMENT}", unless --data or --topic is given)`,
      ).choices(trainable),
    )
    .option('--world <file>', 'constants of another recogym world (JSON)')
    .option('--data <file>', "instead: a log of others' decisions (.csv, .tsv or JSON lines)")
    .option('--mapping <file>', 'of the log, as for `feedloop replay`')
    .option('--propensity <name>', "entry of the log's context that holds the probability of what was shown")
    .option('--topic [policy]', 'instead: the transitions of a policy of --config, the first one by default')
    .option('-c, --config <file>', 'with --topic: configuration file (YAML)')
    .addOption(new Option('--algorithm <name>', 'the learner').choices(algorithmNames))
    .option('--set <json>', "configuration laid over the environment's", configInput, {})
    .option(
      '--steps <n>',
      'decisions to make (of a log: transitions to learn), with those before; it ends with the round of all sessions that reaches them',
      atLeast(1),
      100_000,
    )
    .option(
      '--until <goal>',
      `a goal, e.g. "reward>=0.5": ${measures.join(', ')} (share of the way of the return from chance to the optimum, where both are known)`,
      goal,
    )
    .option(
      '--converged',
      `until the return of ${PATIENCE.points} points is at most ${100 * PATIENCE.least} % above that of the ${PATIENCE.points} before`,
    )
    .option('--folder <folder>', 'keeps versions, progress and the learning curve')
    .option('--resume', 'goes on with what the folder holds, with its settings')
    .option(
      '--every <n>',
      'decisions (of a log: transitions) between two points of the curve, each of them a checkpoint',
      atLeast(1),
      1000,
    )
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

async function command(flags: Flags, invoked: Command): Promise<void> {
  const wire = await createWire({ prefix: '' })
  if (flags.resume) refuseOtherSettings(invoked)
  const kept = before(flags, wire)
  const settings = kept?.settings ?? settingsOf(flags)
  const ground = await groundOf(settings, kept, flags.folder)
  const { trainer, environment } = ground
  refuseUnmeasured(flags, ground)
  const shown = showProgress(flags, ground)
  const keep = keeper(flags.folder, wire, settings, ground)
  const interrupted = onInterrupt()
  if (!flags.json) process.stdout.write(`${describeGround(ground)}\n`)
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
  await ground.memory?.close()
  shown.stop()
  const best = bestOf(points)
  if (flags.json) printJson({ ending, best, rates: environment?.rates(), returns: environment?.returns?.(), points })
  else process.stdout.write(`${describe(ground, ending, points)}\n`)
  // 1: what was asked for was not reached
  if (flags.until && ending !== 'reached') process.exitCode = 1
}

/** What may be said anew of a training: where it is, and how far it goes. All else it was begun with. */
const RESUMED: readonly string[] = ['folder', 'resume', 'steps', 'until', 'converged', 'json'] satisfies (keyof Flags)[]

/** @throws FeedloopError USAGE */
function refuseOtherSettings(invoked: Command): void {
  const given = invoked.options.filter(option => {
    const name = option.attributeName()
    return invoked.getOptionValueSource(name) === 'cli' && !RESUMED.includes(name)
  })
  if (given.length === 0) return
  throw new FeedloopError(
    'USAGE',
    `--resume goes on with its settings: without ${given.map(({ long }) => long).join(', ')}`,
  )
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
  return data ? common : { ...common, environment: environment ?? DEFAULT_ENVIRONMENT, world }
}

/** @throws FeedloopError USAGE: what is waited for will never be known */
function refuseUnmeasured({ until, converged }: Flags, ground: Ground): void {
  const { tells, name } = ground
  if (until && !tells.includes(until.measure))
    throw new FeedloopError('USAGE', `${name} tells no ${until.measure}: ${tells.join(', ') || whyUnknown(ground)}`)
  if (converged && tells.length === 0)
    throw new FeedloopError('USAGE', `${name} tells no reward: ${whyUnknown(ground)}`)
}

/** What is trained on. */
export interface Ground {
  readonly trainer: Trainer
  /** What can be known of a policy. */
  readonly tells: readonly Measure[]
  readonly measure: TrainOptions['measure']
  readonly name: string
  /** Of which what is counted: an environment makes decisions, a log has transitions. */
  readonly unit: 'decisions' | 'transitions'
  /** What would make rewards known. */
  readonly hint: string
  readonly memory?: Memory
  /** Absent: a log. */
  readonly environment?: Environment
}

/** @param folder where what the learner holds is kept; undefined: nowhere */
async function groundOf(settings: Settings, from: ReturnType<typeof before>, folder?: string): Promise<Ground> {
  if (settings.environment !== undefined)
    return groundIn(openEnvironment(settings.environment, settings), settings, from, folder)
  if (settings.configFile !== undefined) return groundOnTopic(settings, from, folder)
  const config = parseConfig(settings.config)
  const log = (await readWarmStart(config, config.policies[0], Date.now()))!
  return groundOn(
    config,
    { lesson: lessonOfLog(config, log), name: basename(config.policies[0].warmStart!.data), hint: '--propensity' },
    settings,
    from,
    folder,
  )
}

async function groundIn(
  environment: Environment,
  settings: Settings,
  from: ReturnType<typeof before>,
  folder?: string,
): Promise<Ground> {
  const { seed, sessions, learnEvery } = settings
  const config = parseConfig(merge(environment.preset, settings.config))
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const memory = folder === undefined ? undefined : createMemory(folder, learner)
  const trainer = createTrainer({ environment, config, learner, seed, sessions, learnEvery, from, memory })
  const tells = measures.filter(each => each !== 'share' || environment.returns)
  const counts = { unit: 'decisions', hint: '' } as const
  return {
    trainer,
    tells,
    measure: measureIn(environment, config),
    name: environment.name,
    memory,
    environment,
    ...counts,
  }
}

/** The policy as it is configured, with what is laid over it. @throws FeedloopError USAGE */
async function groundOnTopic(settings: Settings, from: ReturnType<typeof before>, folder?: string): Promise<Ground> {
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
    const name = `the transitions of policy ${own.name}`
    return groundOn(config, { lesson, name, hint: 'mode online, or baselineEpsilon' }, settings, from, folder)
  })
}

async function groundOn(
  config: Config,
  { lesson, ...said }: { readonly lesson: Lesson } & Pick<Ground, 'name' | 'hint'>,
  { learnEvery }: Settings,
  from: ReturnType<typeof before>,
  folder?: string,
): Promise<Ground> {
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const memory = folder === undefined ? undefined : createMemory(folder, learner)
  const trainer = createRehearsal({ config, learner, lesson, learnEvery, from, memory })
  const tells: Ground['tells'] = trainer.tellsReward ? ['reward'] : []
  return { trainer, tells, measure: measureLog, memory, unit: 'transitions', ...said }
}

function keeper(
  folder: string | undefined,
  wire: Wire,
  settings: Settings,
  { trainer, name, memory, environment }: Ground,
) {
  return (points: readonly Point[]): void => {
    const { model, progress } = trainer
    if (folder === undefined || !model) return
    const plot = plotCurve(curveOf(`${name}, ${model.algorithm}`, points, environment))
    const best = bestOf(points)?.version ?? model.version
    const kept: Omit<Kept, 'last' | 'best'> = { settings, progress, points }
    memory?.keep(model)
    saveTraining(folder, wire, kept, { model, best, plot })
  }
}

/** A bar where someone looks on. */
function showProgress({ steps, json }: Flags, { trainer, unit }: Ground) {
  const format = `{bar} {value} of {total} ${unit}, {so}`
  const bar = new cliProgress.SingleBar({ format, noTTYOutput: false, clearOnComplete: true })
  bar.start(steps, trainer.progress.decisions, { so: '…' })
  return {
    point(point: Point): void {
      bar.update(Math.min(steps, point.decisions), { so: say(point) })
      if (!json && !process.stderr.isTTY) process.stdout.write(`${point.decisions} ${unit}: ${say(point)}\n`)
    },
    stop: () => bar.stop(),
  }
}

/** The first interrupt ends the training after its point, the second the process. */
function onInterrupt() {
  let asked = false
  const ask = (): void => {
    asked = true
  }
  process.once('SIGINT', ask)
  return { asked: () => asked, forget: () => void process.removeListener('SIGINT', ask) }
}
