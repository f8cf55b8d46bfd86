/** What `feedloop train` was asked: a training that is begun, or one that a folder holds and that goes on with its own settings. */
import type { Command } from 'commander'
import type { ConfigInput } from '../config.ts'
import { merge } from '../demo/merge.ts'
import { FeedloopError } from '../errors.ts'
import type { AlgorithmName } from '../learner/algorithms.ts'
import type { Wire } from '../log/wire/wire.ts'
import { holdsTraining, readTraining, type Settings } from '../training/folder.ts'
import type { Goal } from '../training/goal.ts'
import type { Begun, Ground } from './train-ground.ts'
import { whyUnknown } from './train-words.ts'

export interface Flags {
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

export const DEFAULT_ENVIRONMENT = 'long-term'

/** What may be said anew of a training: where it is, and how far it goes. All else it was begun with. */
const RESUMED: readonly string[] = ['folder', 'resume', 'steps', 'until', 'converged', 'json'] satisfies (keyof Flags)[]

/** With `--resume`. @throws FeedloopError USAGE */
export function refuseOtherSettings(invoked: Command): void {
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
export function begunIn({ folder, resume }: Flags, wire: Wire): Begun | undefined {
  if (resume && !folder) throw new FeedloopError('USAGE', '--resume needs --folder')
  if (resume) return readTraining(folder!, wire)
  if (folder && holdsTraining(folder))
    throw new FeedloopError('USAGE', `${folder} holds a training: --resume goes on with it`)
  return undefined
}

/** Of a training that begins. @throws FeedloopError USAGE */
export function settingsOf(flags: Flags): Settings {
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

/** @throws FeedloopError USAGE where what is waited for will never be known */
export function refuseUnmeasured({ until, converged }: Flags, ground: Ground): void {
  const { tells, name } = ground
  if (until && !tells.includes(until.measure))
    throw new FeedloopError('USAGE', `${name} tells no ${until.measure}: ${tells.join(', ') || whyUnknown(ground)}`)
  if (converged && tells.length === 0)
    throw new FeedloopError('USAGE', `${name} tells no reward: ${whyUnknown(ground)}`)
}
