/** The environments by name. */
import { fileURLToPath } from 'node:url'
import { FeedloopError } from '../errors.ts'
import { createCartpole } from './cartpole.ts'
import { createDelayed } from './delayed.ts'
import { createDrifting } from './drifting.ts'
import { createEcommerce, createEcommerceSessions } from './ecommerce.ts'
import type { Environment } from './environment.ts'
import { createJester, readJester } from './jester.ts'
import { createLongTerm } from './long-term.ts'
import { createRecogym } from './recogym.ts'
import { readWorld } from './recogym-world.ts'
import { createSlateChoice } from './slate-choice.ts'
import { createSlates } from './slates.ts'

/** Worlds that need no file. In `delayed` an hour passes in a second, so that a live run of minutes sees it. */
const builtIn = {
  drifting: () => createDrifting({ drift: 'abrupt', sessions: 5000 }),
  'drifting-slow': () => createDrifting({ drift: 'slow', sessions: 20_000 }),
  delayed: () => createDelayed({ delayHours: 3, newItemFrom: 5000, hourMs: 1000 }),
  slates: createSlates,
  'e-commerce': createEcommerce,
  'e-commerce-sessions': createEcommerceSessions,
  'long-term': createLongTerm,
  'slate-choice': createSlateChoice,
  cartpole: createCartpole,
} as const satisfies Record<string, () => Environment>

export const environmentNames = ['recogym', 'recogym-sessions', 'jester', ...Object.keys(builtIn)] as readonly string[]

export interface EnvironmentChoice {
  /** Constants of a recogym world; the demo's when absent. */
  readonly world?: string
  /** Folder with an environment's data. */
  readonly data?: string
}

/** So that sessions have some ten decisions. */
const LEAVE_BANDIT = 0.1
const DEMO_WORLD = fileURLToPath(new URL('../../examples/worlds/p10-flips5-seed60.json', import.meta.url))

/** @throws FeedloopError DATA_MISSING, USAGE */
export function openEnvironment(name: string, { world, data }: EnvironmentChoice = {}): Environment {
  if (name === 'recogym') return createRecogym({ world: readWorld(world ?? DEMO_WORLD) })
  if (name === 'recogym-sessions')
    return createRecogym({ world: readWorld(world ?? DEMO_WORLD), leaveBandit: LEAVE_BANDIT })
  if (Object.hasOwn(builtIn, name)) return builtIn[name as keyof typeof builtIn]()
  if (name !== 'jester') throw new FeedloopError('USAGE', `no environment ${name}: ${environmentNames.join(', ')}`)
  if (!data) throw new FeedloopError('USAGE', '--environment jester needs --data FOLDER with ratings.csv and jokes.csv')
  return createJester(readJester(data))
}
