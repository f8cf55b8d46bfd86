/**
 * Learns a policy in an environment, in one process: N sessions step side by side, decided by the ranker's code from the last
 * published version; what came of each decision is told to the learner as the joiner would (episode.ts). Every
 * `learnEvery` transitions the learner takes what is new and a version is published: loaded as the ranker loads it, so what serves is
 * what a checkpoint holds. All chance comes from seeds: the same options give the same versions.
 */
import type { ModelVersion, Recommendation } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Act, Environment } from '../environments/environment.ts'
import { type Lane, vectorise } from '../environments/vector.ts'
import type { Example, Learner, LearnStats } from '../learner/learner.ts'
import { none, plus, unlearned } from '../learner/tally.ts'
import { createPolicyLoader } from '../models/load.ts'
import type { Policy } from '../models/policy.ts'
import type { UserState } from '../state/user.ts'
import { type Actor, createActor, enter } from './actor.ts'
import { encoderOf } from './encode.ts'
import { type Following, type Open, openDecision, transitionsOf } from './episode.ts'
import type { Memory } from './memory.ts'
import { modelOf } from './version.ts'

export interface TrainerOptions {
  readonly environment: Environment
  /** With one policy, which is learned. */
  readonly config: Config
  readonly learner: Learner
  readonly seed: number
  /** Sessions side by side. Default 16. */
  readonly sessions?: number
  /** Transitions between two calls of the learner, each followed by a version. Default 256. */
  readonly learnEvery?: number
  /** Where to go on: how far it had come, and the version published last. The sessions that were open then are left. */
  readonly from?: { readonly progress: Progress; readonly model: ModelVersion }
  /** Where what the learner holds is kept; absent: it goes on with nothing held. */
  readonly memory?: Memory
}

/** How far it has come. */
export interface Progress {
  /** Made; of a log: transitions learned, which are several of a decision with several slots. */
  readonly decisions: number
  readonly version: number
  /** Number of the session that begins next. */
  readonly session: number
  /** Event time, s: each round of decisions is a second after the one before. */
  readonly round: number
}

/** How well an estimate by importance weights w is known. */
export interface Certainty {
  /** Of the estimate; of few effective samples it is too low. */
  readonly standardError: number
  /** (Σ w)² / Σ w² (Kish 1965): as many decisions of the policy's own would tell about as much. */
  readonly effectiveSamples: number
}

/** What happened in a stretch of decisions. */
export interface Stretch {
  /** Decisions so far, those before the stretch included. */
  readonly decisions: number
  /** Mean true expected reward of a decision; of a log (rehearsal.ts) its estimate for what would serve now, null where it tells none. */
  readonly reward: number | null
  /** Where the reward is an estimate: how well it is known. */
  readonly estimate?: Certainty
  /** Mean of Σ_t γ^t (true expected reward)_t, with the environment's γ, over sessions that ended in it; null: none did. */
  readonly sessionReturn: number | null
  /** Sessions that ended. */
  readonly sessions: number
  /** Of the last time that the learner learned; refusals summed. */
  readonly stats: LearnStats['stats']
  readonly refused: LearnStats['refused']
}

export interface Trainer {
  /** That serves now; null: none has been published. */
  readonly policy: Policy | null
  /** As published last. */
  readonly model: ModelVersion | undefined
  readonly progress: Progress
  /** Goes on for about so many decisions, whole rounds; fewer when the environment has no more sessions. */
  run(decisions: number): Stretch
}

/** A lane's session as it is played. */
interface Seat {
  lane: Lane
  user: UserState
  open: Open | null
  /** Return so far, and γ^t. */
  sum: number
  weight: number
}

const START: Progress = { decisions: 0, version: 0, session: 0, round: 0 }

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE where it is told to go on from what does not fit; of its `run` too */
export function createTrainer(options: TrainerOptions): Trainer {
  const { environment, config, learner, seed, sessions = 16, learnEvery = 256, from, memory } = options
  const [policy] = config.policies
  const actor = createActor(config, environment)
  const loader = createPolicyLoader(policy)
  const encode = encoderOf(config, learner, actor.features)
  let { decisions, version, round } = from?.progress ?? START
  let model = from?.model
  if (model) {
    learner.restore(model)
    actor.policy = loader.load(model)
  }
  memory?.begin(model, encode)
  const vector = vectorise(environment, sessions, seed, from?.progress.session)
  const seats: (Seat | null)[] = vector.lanes.map(lane => lane && seatOf(actor, lane, round))
  let batch: Example[] = []
  let tally = emptyTally()

  const tell = (open: Open | null, following: Following): void => {
    if (open) for (const transition of transitionsOf(open, following, policy)) batch.push(encode(transition))
  }
  const learn = (): void => {
    const learned = learner.learn(batch)
    tally.learned(learned)
    memory?.note(learned.taken ?? [])
    batch = []
    model = modelOf(learner.snapshot(versionName(++version), true), {
      version: versionName(version),
      policy,
      decisions,
      timeMs: round * 1000,
      stats: learned.stats,
    })
    actor.policy = loader.load(model)
  }
  const decide = (seat: Seat | null): Recommendation | null => {
    if (!seat) return null
    const { decision, user } = actor.decide(seat.lane, seat.user, round * 1000)
    tell(seat.open, { decision })
    seat.user = user
    return decision
  }
  /** One decision in each lane. */
  const step = (): void => {
    round++
    const decided = seats.map(decide)
    const stepped = vector.step(decided.map(decision => decision?.slots.map(({ item_id }) => item_id) ?? null))
    stepped.forEach((transition, i) => {
      const seat = seats[i]
      if (!transition || !seat) return
      const { outcomes, expectedReward, next } = transition
      decisions++
      tally.decided(expectedReward)
      seat.sum += seat.weight * expectedReward
      seat.weight *= environment.discount ?? 1
      seat.open = openDecision(decided[i]!, outcomes)
      const lane = vector.lanes[i]
      if (!next.done) {
        seat.lane = lane!
        seat.user = seeAll(actor, seat, [...outcomes, ...next.organic], round)
        return
      }
      tell(seat.open, { end: next })
      tally.ended(seat.sum)
      seats[i] = lane && seatOf(actor, lane, round)
    })
    if (batch.length >= learnEvery) learn()
  }
  return {
    get policy() {
      return actor.policy
    },
    get model() {
      return model
    },
    get progress() {
      return { decisions, version, session: vector.next, round }
    },
    run(wanted) {
      tally = emptyTally()
      const until = decisions + wanted
      while (decisions < until && seats.some(seat => seat !== null)) step()
      return tally.stretch(decisions)
    },
  }
}

export const versionName = (number: number): string => String(number).padStart(12, '0')

const seatOf = (actor: Actor, lane: Lane, round: number): Seat => ({
  lane,
  user: enter(actor, lane, round * 1000),
  open: null,
  sum: 0,
  weight: 1,
})

const seeAll = (actor: Actor, { user, lane }: Seat, acts: readonly Act[], round: number): UserState =>
  actor.see(user, lane, acts, round * 1000)

function emptyTally() {
  let [decisions, reward, sessions, returns] = [0, 0, 0, 0]
  let last = none
  return {
    decided(expected: number): void {
      decisions++
      reward += expected
    },
    ended(sum: number): void {
      sessions++
      returns += sum
    },
    learned(told: LearnStats): void {
      last = plus(last, told)
    },
    stretch: (so: number): Stretch => ({
      decisions: so,
      reward: reward / decisions,
      sessionReturn: sessions > 0 ? returns / sessions : null,
      sessions,
      stats: last.stats,
      refused: unlearned(last),
    }),
  }
}
