/** `feedloop train`: what was asked, what is trained on, the training itself, and what is kept and said of it. */
import cliProgress from 'cli-progress'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { environmentNames } from '../environments/open.ts'
import { algorithmNames } from '../learner/algorithms.ts'
import { createWire } from '../log/wire/create.ts'
import type { Wire } from '../log/wire/wire.ts'
import { type Kept, type Settings, saveTraining } from '../training/folder.ts'
import { type Goal, measures, parseGoal } from '../training/goal.ts'
import { plotCurve } from '../training/plot.ts'
import { bestOf, curveOf, type Point, train } from '../training/train.ts'
import { atLeast, configInput, printJson } from './shared.ts'
import { type Ground, groundOf } from './train-ground.ts'
import {
  begunIn,
  DEFAULT_ENVIRONMENT,
  type Flags,
  refuseOtherSettings,
  refuseUnmeasured,
  settingsOf,
} from './train-settings.ts'
import { describe, describeGround, say } from './train-words.ts'

/** Points that `--converged` averages, and by how much they must be higher than those before. */
const PATIENCE = { points: 10, least: 0.01 } as const

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
  const kept = begunIn(flags, wire)
  const settings = kept?.settings ?? settingsOf(flags)
  const ground = await groundOf({ settings, from: kept, folder: flags.folder })
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
