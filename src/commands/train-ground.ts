/** What `feedloop train` trains on: an environment, others' log in a file, or the transitions of a topic. */
import { basename } from 'node:path'
import { type Config, parseConfig } from '../config.ts'
import { merge } from '../demo/merge.ts'
import type { Environment } from '../environments/environment.ts'
import { openEnvironment } from '../environments/open.ts'
import { FeedloopError } from '../errors.ts'
import { createLearner } from '../learner/create.ts'
import { readWarmStart } from '../learner/warm-start-file.ts'
import { createStateEncoder } from '../state/encode.ts'
import type { readTraining, Settings } from '../training/folder.ts'
import { type Measure, measures } from '../training/goal.ts'
import { createMemory, type Memory } from '../training/memory.ts'
import { createRehearsal, type Lesson, lessonOfLog } from '../training/rehearsal.ts'
import { readLesson } from '../training/topic.ts'
import { measureIn, measureLog, type TrainOptions } from '../training/train.ts'
import { createTrainer, type Trainer } from '../training/trainer.ts'
import { onBus } from './shared.ts'

/** What a folder holds of a training. */
export type Begun = ReturnType<typeof readTraining>

export interface Asked {
  readonly settings: Settings
  /** Absent: it begins. */
  readonly from?: Begun
  /** Where what the learner holds is kept; absent: nowhere. */
  readonly folder?: string
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

/** @throws FeedloopError USAGE, and what is wrong with the environment, the log or the bus */
export async function groundOf(asked: Asked): Promise<Ground> {
  const { settings } = asked
  if (settings.environment !== undefined) return groundIn(openEnvironment(settings.environment, settings), asked)
  if (settings.configFile !== undefined) return groundOnTopic(asked)
  const config = parseConfig(settings.config)
  const log = (await readWarmStart(config, config.policies[0], Date.now()))!
  return groundOn(
    config,
    { lesson: lessonOfLog(config, log), name: basename(config.policies[0].warmStart!.data), hint: '--propensity' },
    asked,
  )
}

async function groundIn(environment: Environment, { settings, from, folder }: Asked): Promise<Ground> {
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
async function groundOnTopic(asked: Asked): Promise<Ground> {
  const { settings } = asked
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
    return groundOn(config, { lesson, name, hint: 'mode online, or baselineEpsilon' }, asked)
  })
}

async function groundOn(
  config: Config,
  { lesson, ...said }: { readonly lesson: Lesson } & Pick<Ground, 'name' | 'hint'>,
  { settings: { learnEvery }, from, folder }: Asked,
): Promise<Ground> {
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const memory = folder === undefined ? undefined : createMemory(folder, learner)
  const trainer = createRehearsal({ config, learner, lesson, learnEvery, from, memory })
  const tells: Ground['tells'] = trainer.tellsReward ? ['reward'] : []
  return { trainer, tells, measure: measureLog, memory, unit: 'transitions', ...said }
}
