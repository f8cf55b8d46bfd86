/**
 * Off-policy through the stream: the running services on a real Kafka, decisions by models that are two seconds old in the median
 * (lag.ts), rewards a second late and at times twice as late. What the newest version is worth is computed, as in long.ts.
 */
import type { ConfigInput } from '../../src/config.ts'
import { parseConfig } from '../../src/config.ts'
import { runLoop } from '../../src/demo/loop.ts'
import { merge } from '../../src/demo/merge.ts'
import { type Environment, shareOfReturn } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { FeedloopError } from '../../src/errors.ts'
import { loadPolicy } from '../../src/models/load.ts'
import { latestVersion } from '../../src/models/start.ts'
import { exactReturn } from '../../src/training/evaluate.ts'
import type { Bar } from '../main.ts'
import { medianModelAgeMs } from './lag.ts'
import { learners } from './long.ts'
import { round, type SequencesPart } from './part.ts'
import { judged } from './play.ts'

const SECONDS = 60
const LAG_MS = 2000
/** A version decides until the next one is there: in the median it is half as old as that. */
const PUBLISH_MS = 2 * LAG_MS
const DELAY_MS = 1000

/** What comes of a decision comes late, every other time twice as late. */
function delayed(environment: Environment): Environment {
  let acts = 0
  return {
    ...environment,
    session(index, seed) {
      const session = environment.session(index, seed)
      return {
        ...session,
        step(slate) {
          const transition = session.step(slate)
          const outcomes = transition.outcomes.map(act => ({ ...act, delayMs: DELAY_MS * (1 + (acts++ % 2)) }))
          return { ...transition, outcomes }
        },
      }
    },
  }
}

type Learner = (typeof learners)[number]

/** What one run came to. @throws FeedloopError BUS_UNAVAILABLE and what services end with */
async function run(environment: Environment, policy: Learner, seed: number) {
  const settings: ConfigInput = { policies: [policy], learner: { publishMs: PUBLISH_MS } }
  let share = Number.NaN
  let lagMs = Number.NaN
  const { decisions, modelVersions, balanced } = await runLoop({
    environment: delayed(environment),
    bus: 'kafka',
    seconds: SECONDS,
    seed,
    sessions: 64,
    config: settings,
    async settled(context) {
      lagMs = await medianModelAgeMs(context)
      const model = await latestVersion(context, context.config.policies[0].name)
      if (!model) throw new FeedloopError('MODEL_INCOMPATIBLE', 'the learner has published nothing')
      const served = loadPolicy(model, context.config.policies[0])
      const judge = parseConfig(merge(environment.preset, { policies: [judged(policy)] }))
      share = shareOfReturn(exactReturn(environment, judge, served), environment.returns!())
    },
  })
  return { share: round(share), lagMs, decisions, modelVersions, balanced }
}

export const benchStream: SequencesPart = async ({ seeds, say }) => {
  const environment = openEnvironment('long-term')
  const results: Record<string, unknown> = {}
  const bars: Bar[] = []
  for (const policy of learners.filter(({ algorithm }) => algorithm === 'v-trace' || algorithm === 'dqn')) {
    const runs: Awaited<ReturnType<typeof run>>[] = []
    for (let seed = 1; seed <= seeds; seed++) {
      const made = await run(environment, policy, seed)
      const { share, lagMs, decisions, modelVersions } = made
      runs.push(made)
      say(
        `stream ${policy.algorithm}: ${share} after ${decisions} decisions, ${modelVersions} versions, ${lagMs} ms behind`,
      )
    }
    results[policy.algorithm] = runs
    bars.push(...barsOf(policy.algorithm, runs))
  }
  return { results: { seconds: SECONDS, publishMs: PUBLISH_MS, delayMs: DELAY_MS, ...results }, bars }
}

/** Of the worst run. */
const barsOf = (algorithm: string, runs: readonly { readonly share: number; readonly lagMs: number }[]): Bar[] => [
  {
    name: `${algorithm} through Kafka, ${LAG_MS} ms behind, rewards late: way to the optimum`,
    value: Math.min(...runs.map(({ share }) => share)),
    unit: 'of 1',
    atLeast: 0.9,
  },
  {
    name: `${algorithm} through Kafka: median age of the model that decided`,
    value: Math.min(...runs.map(({ lagMs }) => lagMs)),
    unit: 'ms',
    atLeast: LAG_MS,
  },
]
