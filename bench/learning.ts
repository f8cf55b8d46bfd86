/**
 * How well the shipped default learns from bandit feedback. One configuration for all; what differs is each world's description
 * of its data. A bar is judged two standard errors from the mean, on the wrong side. `--only e2,e4,e5,cold,delay,position,drift`
 * runs parts, `--seeds N` sets the runs of each; `--quick`: fewer seeds and decisions, no bars that need the full length.
 */
import { existsSync } from 'node:fs'
import { FeedloopError } from '../src/errors.ts'
import { realData } from '../test/real-data.ts'
import { benchDelay } from './learning/delay.ts'
import { benchDrift } from './learning/drift.ts'
import { benchFiles } from './learning/files.ts'
import { benchColdStart, benchFolds } from './learning/jester.ts'
import type { Part, PartOptions } from './learning/judge.ts'
import { benchPosition } from './learning/position.ts'
import { benchWorlds } from './learning/worlds.ts'
import type { BenchOptions, BenchResult } from './main.ts'

const parts: Readonly<Record<string, (options: PartOptions) => Part>> = {
  e2: benchFiles,
  e4: benchWorlds,
  e5: benchFolds,
  cold: benchColdStart,
  delay: benchDelay,
  position: benchPosition,
  drift: benchDrift,
}

/** @throws FeedloopError DATA_MISSING, USAGE */
export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  if (!existsSync(realData)) throw new FeedloopError('DATA_MISSING', `no data at ${realData}: set FEEDLOOP_DATA`)
  const names = typeof args.only === 'string' ? args.only.split(',') : Object.keys(parts)
  const unknown = names.filter(name => !Object.hasOwn(parts, name))
  if (unknown.length > 0)
    throw new FeedloopError('USAGE', `no part ${unknown.join(', ')}: ${Object.keys(parts).join(', ')}`)
  const seeds = args.seeds === undefined ? undefined : Number(args.seeds)
  if (seeds !== undefined && !(Number.isInteger(seeds) && seeds > 0))
    throw new FeedloopError('USAGE', '--seeds is a positive number')
  const made = names.map(name => parts[name]({ data: realData, seeds, quick: args.quick === true, say }))
  const results = Object.fromEntries(names.map((name, i) => [name, made[i].results]))
  return { results, bars: made.flatMap(({ bars }) => bars) }
}
