/** The environments by name. */
import { fileURLToPath } from 'node:url'
import { FeedloopError } from '../errors.ts'
import type { Environment } from './environment.ts'
import { createJester, readJester } from './jester.ts'
import { createRecogym } from './recogym.ts'
import { readWorld } from './recogym-world.ts'

export const environmentNames = ['recogym', 'jester'] as const

export interface EnvironmentChoice {
  /** Constants of a recogym world; the demo's when absent. */
  readonly world?: string
  /** Folder with an environment's data. */
  readonly data?: string
}

const DEMO_WORLD = fileURLToPath(new URL('../../examples/worlds/p10-flips5-seed60.json', import.meta.url))

/** @throws FeedloopError DATA_MISSING, USAGE */
export function openEnvironment(name: string, { world, data }: EnvironmentChoice = {}): Environment {
  if (name === 'recogym') return createRecogym({ world: readWorld(world ?? DEMO_WORLD) })
  if (name !== 'jester') throw new FeedloopError('USAGE', `no environment ${name}: ${environmentNames.join(', ')}`)
  if (!data) throw new FeedloopError('USAGE', '--environment jester needs --data FOLDER with ratings.csv and jokes.csv')
  return createJester(readJester(data))
}
