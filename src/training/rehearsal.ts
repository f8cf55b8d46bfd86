/**
 * Learns from what was decided before, over and over. A tenth of it, by decision, is held out and tells what the policy would earn:
 * V = Σ w r / Σ w with w = π(a | s) / μ (self-normalised importance weights, Swaminathan & Joachims 2015), over the decisions whose
 * propensity is exact, by their first places; its standard error is √(Σ w² (r - V)²) / Σ w (the delta method; Owen 2013, section 9.2). Learners whose statistics are sums go over it once; those that learn from their own
 * decisions alone (PPO, A3C), not at all.
 */
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { catalogueOf } from '../environments/in-process.ts'
import { plainItems } from '../environments/population.ts'
import { FeedloopError } from '../errors.ts'
import type { FeatureStore } from '../features/store.ts'
import type { Example, Learner, LearnStats } from '../learner/learner.ts'
import { none, plus, unlearned } from '../learner/tally.ts'
import { type LoggedRow, transitionsOf, type WarmStart } from '../learner/warm-start.ts'
import { createPolicyLoader } from '../models/load.ts'
import type { Policy } from '../models/policy.ts'
import { createExplorer } from '../ranker/explorers/named.ts'
import { createRandom, seedOf } from '../state/random.ts'
import { encoderOf } from './encode.ts'
import type { Memory } from './memory.ts'
import { type Certainty, type Progress, type Trainer, versionName } from './trainer.ts'
import { modelOf } from './version.ts'

/** What was decided, each transition once with all that came of it, and every vector that they name. */
export interface Lesson {
  readonly transitions: Iterable<Transition>
  readonly features: FeatureStore
}

export interface RehearsalOptions {
  /** With one policy, which is learned. */
  readonly config: Config
  readonly learner: Learner
  readonly lesson: Lesson
  /** Transitions between two versions. */
  readonly learnEvery: number
  readonly from?: { readonly progress: Progress; readonly model: ModelVersion }
  /** As of a trainer. */
  readonly memory?: Memory
}

const HELD_OUT = 10

export interface Rehearsal extends Trainer {
  /** False: no decision that was held out states its propensity, so no reward will be known. */
  readonly tellsReward: boolean
}

/** @throws FeedloopError USAGE for a learner that is on policy, and as a trainer */
export function createRehearsal({
  config,
  learner,
  lesson: whole,
  learnEvery,
  from,
  memory,
}: RehearsalOptions): Rehearsal {
  if (learner.onPolicy)
    throw new FeedloopError(
      'USAGE',
      `${learner.algorithm} uses a transition once, soon after its own policy decided: a log teaches it only with imitate`,
    )
  const [policy] = config.policies
  const loader = createPolicyLoader(policy)
  const { lesson, held } = split(config, learner, whole)
  const most = learner.revisions === 'exact' ? lesson.length : lesson.length > 0 ? Number.POSITIVE_INFINITY : 0
  let { decisions, version } = from?.progress ?? { decisions: 0, version: 0 }
  let model = from?.model
  let serving: Policy | null = null
  if (model) {
    learner.restore(model)
    serving = loader.load(model)
  }
  memory?.begin(model, encoderOf(config, learner, whole.features))
  const learn = (count: number): LearnStats => {
    const learned = learner.learn(Array.from({ length: count }, (_, i) => lesson[(decisions + i) % lesson.length]))
    memory?.note(learned.taken ?? [])
    decisions += count
    const made = { version: versionName(++version), policy, decisions, timeMs: decisions, stats: learned.stats }
    model = modelOf(learner.snapshot(made.version, true), made)
    serving = loader.load(model)
    return learned
  }
  return {
    tellsReward: held.some(tells),
    get policy() {
      return serving
    },
    get model() {
      return model
    },
    get progress() {
      return { decisions, version, session: 0, round: 0 }
    },
    run(wanted) {
      const until = Math.min(decisions + wanted, most)
      let last = none
      while (decisions < until) last = plus(last, learn(Math.min(learnEvery, until - decisions)))
      const value = serving && estimate(config, serving, held)
      return {
        decisions,
        reward: value?.reward ?? null,
        ...(value && { estimate: value.certainty }),
        sessionReturn: null,
        sessions: 0,
        stats: last.stats,
        refused: unlearned(last),
      }
    },
  }
}

function split(
  config: Config,
  learner: Learner,
  { transitions, features }: Lesson,
): Record<'lesson' | 'held', Example[]> {
  const encode = encoderOf(config, learner, features)
  const whole = encoderOf(config, { usesCandidates: true }, features)
  const [lesson, held]: [Example[], Example[]] = [[], []]
  for (const transition of transitions)
    if (isHeldOut(transition)) held.push(whole(transition))
    else lesson.push(encode(transition))
  return { lesson, held }
}

/** A log of others' decisions (src/learner/warm-start.ts); items are known by their ids. */
export function lessonOfLog(config: Config, log: WarmStart): Lesson {
  const features = catalogueOf({ items: () => plainItems(itemsOf(log.rows)) }, config.features.dimensions)
  return { transitions: transitionsOf(log, config, config.policies[0], features).transitions, features }
}

const isHeldOut = ({ decision_id }: Transition): boolean => seedOf(decision_id) % HELD_OUT === 0

/** All that the log names. */
const itemsOf = (rows: readonly LoggedRow[]): string[] =>
  [
    ...new Set(
      rows.flatMap(({ request, events }) => [
        ...(request?.baseline ?? []),
        ...(request?.candidates ?? []),
        ...events.flatMap(({ item_id }) => item_id ?? []),
      ]),
    ),
  ].sort()

/** Of a later place the propensity is that of the slate before it, and what a rule put there was no choice. */
const tells = ({ transition }: Example): boolean =>
  transition.propensity_kind === 'exact' && transition.slot === 0 && transition.masked.length === 0

/** A reward, and how much it counts. */
export interface Weighted {
  readonly reward: number
  /** π(a | s) / μ. */
  readonly weight: number
}

export interface Estimate {
  readonly reward: number
  readonly certainty: Certainty
}

/** V of weighted rewards, see above; null where nothing has weight. */
export function selfNormalised(samples: readonly Weighted[]): Estimate | null {
  const total = (of: (sample: Weighted) => number): number => samples.reduce((sum, sample) => sum + of(sample), 0)
  const weight = total(each => each.weight)
  if (weight <= 0) return null
  const reward = total(each => each.weight * each.reward) / weight
  const squares = total(each => each.weight ** 2)
  const spread = total(each => (each.weight * (each.reward - reward)) ** 2)
  return { reward, certainty: { standardError: Math.sqrt(spread) / weight, effectiveSamples: weight ** 2 / squares } }
}

/** V of the policy with the configured explorer; null where it would do nothing of what was held out with its propensity. */
export function estimate(config: Config, policy: Policy, held: readonly Example[]): Estimate | null {
  const explorer = createExplorer(config.policies[0].explorer)
  return selfNormalised(
    held.filter(tells).map(({ transition, state, candidates, action, reward }) => {
      const itemIds = transition.candidates!.map(({ item_id }) => item_id)
      const scorer = policy.scorer(state, { itemIds, vectors: candidates })
      const chances = new Float64Array(itemIds.length)
      const random = createRandom(seedOf(transition.decision_id))
      explorer.open(scorer, random, policy.learned).conditional(new Uint8Array(itemIds.length).fill(1), chances)
      return { reward, weight: chances[action] / transition.propensity }
    }),
  )
}
