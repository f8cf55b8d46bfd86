/**
 * Learners on sequences: how much of the way from a random to the optimal policy they go in worlds that are solved exactly, in
 * process and through the stream on a real Kafka; ms a train step on each TensorFlow.js backend, beside PyTorch; transitions a second
 * from Kafka. `--only long,slates,cartpole,stream,speed,rate,ablations` runs parts, ablations only so, `--seeds N` sets the runs of each (5).
 */
import { FeedloopError } from '../src/errors.ts'
import type { BenchOptions, BenchResult } from './main.ts'
import { benchAblations } from './sequences/ablations.ts'
import { benchCartpole } from './sequences/cartpole.ts'
import { benchLong } from './sequences/long.ts'
import type { PartOptions, SequencesPart } from './sequences/part.ts'
import { benchRate } from './sequences/rate.ts'
import { benchSlates } from './sequences/slates.ts'
import { benchSpeed } from './sequences/speed.ts'
import { benchStream } from './sequences/stream.ts'

const parts: Readonly<Record<string, SequencesPart>> = {
  long: benchLong,
  slates: benchSlates,
  cartpole: benchCartpole,
  stream: benchStream,
  speed: benchSpeed,
  rate: benchRate,
}
/** Run only when they are named: tables, not bars. */
const tables: Readonly<Record<string, SequencesPart>> = { ablations: benchAblations }
const all = { ...parts, ...tables }
const SEEDS = 5

/** @throws FeedloopError USAGE, BUS_UNAVAILABLE, BACKEND_UNAVAILABLE */
export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const names = typeof args.only === 'string' ? args.only.split(',') : Object.keys(parts)
  const unknown = names.filter(name => !Object.hasOwn(all, name))
  if (unknown.length > 0)
    throw new FeedloopError('USAGE', `no part ${unknown.join(', ')}: ${Object.keys(all).join(', ')}`)
  const seeds = Number(args.seeds ?? SEEDS)
  if (!(Number.isInteger(seeds) && seeds > 0)) throw new FeedloopError('USAGE', '--seeds is a positive number')
  const options: PartOptions = { seeds, rounds: Number(args.rounds ?? 3), say }
  const results: Record<string, unknown> = {}
  const bars: BenchResult['bars'][number][] = []
  for (const name of names) {
    const made = await all[name](options)
    results[name] = made.results
    bars.push(...made.bars)
  }
  return { results, bars }
}
