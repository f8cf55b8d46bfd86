/**
 * What each part of the learners on sequences is worth: one change at a time, J after some thousand decisions as a share of the way from random
 * to optimal, mean (worst) of the seeds. The table of docs/learning.md; no bar.
 */
import { openEnvironment } from '../../src/environments/open.ts'
import type { Example } from '../../src/learner/learner.ts'
import { type Adapt, after, halfLate, recorder, rewardsLate, rewardsLost } from './adapted.ts'
import { type PartOptions, range, type SequencesPart } from './part.ts'
import { type Course, sharesAt, trainerOf } from './play.ts'

const MARKS = [5000, 10_000, 20_000, 40_000] as const
/** Of a log that the policy starts from. */
const LOGGED = 10_000
const LEARN_EVERY = 256
/** By which half of what is late comes late. */
const VERSIONS = 20

type Policy = Course['policy']
interface Row {
  readonly name: string
  readonly policy: Policy
  readonly world?: 'long-term' | 'slate-choice'
  /** Made for each seed. */
  readonly adapt?: (policy: Policy, seed: number) => Promise<Adapt> | Adapt
}

const explored = { explorer: { name: 'epsilon-greedy', epsilon: 0.1 } } as const
const dqn = (changes: NonNullable<Policy['dqn']> = {}): Policy => ({ algorithm: 'dqn', ...explored, dqn: changes })
const vTrace = (changes: NonNullable<Policy['vTrace']> = {}): Policy => ({ algorithm: 'v-trace', vTrace: changes })
const ppo = (changes: NonNullable<Policy['ppo']> = {}): Policy => ({ algorithm: 'ppo', ppo: changes })
const reinforce = (changes: NonNullable<Policy['reinforce']> = {}): Policy => ({
  algorithm: 'reinforce',
  reinforce: changes,
})
const slateQ = (learningRate: number): Policy => ({ algorithm: 'slate-q', ...explored, slateQ: { learningRate } })
const late = () => halfLate(VERSIONS)
const NONE = 1e9

export const groups: Readonly<Record<string, readonly Row[]>> = {
  revisions: [vTrace(), dqn()].flatMap(policy => [
    { name: `${policy.algorithm}`, policy },
    {
      name: `${policy.algorithm}, half of the rewards ${VERSIONS} versions late`,
      policy,
      adapt: () => rewardsLate(VERSIONS),
    },
    { name: `${policy.algorithm}, the same, what was said first stands`, policy, adapt: () => rewardsLost },
  ]),
  caps: [1, 2, 10, NONE].map(cap => ({
    name: `v-trace, half ${VERSIONS} versions late, caps ${cap === NONE ? 'none' : cap}`,
    policy: vTrace({ maxImportanceWeight: cap, maxTraceWeight: cap }),
    adapt: late,
  })),
  reinforce: [1, 10, NONE].flatMap(cap =>
    (['long-term', 'slate-choice'] as const).map(world => ({
      name: `reinforce, ${world}, cap ${cap === NONE ? 'none' : cap}`,
      policy: reinforce({ maxImportanceWeight: cap }),
      world,
    })),
  ),
  slateQ: [0.0003, 0.001, 0.003, 0.01].map(rate => ({
    name: `slate-q, rate ${rate}`,
    policy: slateQ(rate),
    world: 'slate-choice',
  })),
  buffer: [1000, 5000, 50_000].flatMap(bufferSize => [
    { name: `v-trace, buffer of ${bufferSize}`, policy: vTrace({ bufferSize }) },
    { name: `dqn, buffer of ${bufferSize}`, policy: dqn({ bufferSize }) },
  ]),
  priority: [
    { name: 'dqn, prioritised', policy: dqn({ prioritised: true }) },
    {
      name: 'dqn, prioritised, without weights',
      policy: dqn({ prioritised: true, priorities: { importance: 0, importanceSteps: NONE } }),
    },
  ],
  target: [1, 10, 20, 50, 200].map(targetCopySteps => ({
    name: targetCopySteps === 1 ? 'dqn, no target network' : `dqn, target copied every ${targetCopySteps} steps`,
    policy: dqn({ targetCopySteps }),
  })),
  staleness: [100, VERSIONS / 2].map(maxPolicyLag => ({
    name: `ppo, half ${VERSIONS} versions late, at most ${maxPolicyLag} versions old`,
    policy: ppo({ maxPolicyLag }),
    adapt: late,
  })),
  warmStart: [vTrace(), dqn()].map(policy => ({
    name: `${policy.algorithm}, after ${LOGGED} decisions by chance`,
    policy,
    adapt: async (of: Policy, seed: number) => after(await logOf(of, seed), LEARN_EVERY),
  })),
}

export const benchAblations: SequencesPart = async options => {
  const results: Record<string, unknown> = { decisions: MARKS }
  for (const row of Object.values(groups).flat()) {
    results[row.name] = await rowOf(row, options)
    options.say(`ablations ${row.name}: ${results[row.name]}`)
  }
  return { results, bars: [] }
}

/** By mark `mean (worst)`. @throws FeedloopError BACKEND_UNAVAILABLE */
export async function rowOf({ policy, world = 'long-term', adapt }: Row, { seeds }: PartOptions): Promise<string> {
  const environment = openEnvironment(world)
  const runs: number[][] = []
  for (const seed of range(seeds))
    runs.push(await sharesAt({ environment, policy, seed, adapt: await adapt?.(policy, seed) }, MARKS))
  return MARKS.map((_, at) => {
    const shares = runs.map(run => run[at])
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
    return `${mean.toFixed(2)} (${Math.min(...shares).toFixed(2)})`
  }).join(' / ')
}

/** What chance decided, as this learner is told it. */
async function logOf(policy: Policy, seed: number): Promise<Example[]> {
  const log: Example[] = []
  const course = { environment: openEnvironment('long-term'), seed: seed + 1000, adapt: recorder(log) }
  const trainer = await trainerOf({ ...course, policy: { ...policy, explorer: { name: 'uniform' } } })
  trainer.run(LOGGED)
  return log
}
