/**
 * Off-policy through the stream: the running services on a real Kafka, a version every two seconds, rewards a second late and at
 * times twice as late. What the newest version is worth is computed, as in long.ts.
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
import { learners } from './long.ts'
import { round, type SequencesPart } from './part.ts'
import { judged } from './play.ts'

const SECONDS = 60
const LAG_MS = 2000
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

export const benchStream: SequencesPart = async ({ say }) => {
  const environment = openEnvironment('long-term')
  const results: Record<string, unknown> = {}
  const bars: Bar[] = []
  for (const policy of learners.filter(({ algorithm }) => algorithm === 'v-trace' || algorithm === 'dqn')) {
    const settings: ConfigInput = { policies: [policy], learner: { publishMs: LAG_MS } }
    let share = Number.NaN
    const { decisions, modelVersions, balanced } = await runLoop({
      environment: delayed(environment),
      bus: 'kafka',
      seconds: SECONDS,
      seed: 1,
      sessions: 64,
      config: settings,
      async settled(context) {
        const model = await latestVersion(context, context.config.policies[0].name)
        if (!model) throw new FeedloopError('MODEL_INCOMPATIBLE', 'the learner has published nothing')
        const served = loadPolicy(model, context.config.policies[0])
        const judge = parseConfig(merge(environment.preset, { policies: [judged(policy)] }))
        share = shareOfReturn(exactReturn(environment, judge, served), environment.returns!())
      },
    })
    results[policy.algorithm] = { share: round(share), decisions, modelVersions, balanced }
    say(`stream ${policy.algorithm}: ${share.toFixed(3)} after ${decisions} decisions, ${modelVersions} versions`)
    bars.push({
      name: `${policy.algorithm} through Kafka, ${LAG_MS} ms behind, rewards late: way to the optimum`,
      value: share,
      unit: 'of 1',
      atLeast: 0.9,
    })
  }
  return { results: { seconds: SECONDS, lagMs: LAG_MS, delayMs: DELAY_MS, ...results }, bars }
}
