/**
 * The smallest world in which what pays at once is wrong, for tests of learners on sequences. Two states, two items:
 *   start:  `now` pays .4 and ends the session; `later` pays nothing and leads on (γ = .9)
 *   after:  `now` pays .4, `later` pays 1; both end the session
 * By hand: J* = .9 (later, later); a uniform policy gets .5 · .4 + .5 · .9 · .7 = .515; who takes what pays at once, .4.
 */
import type { Example, Learner } from '../../../src/learner/learner.ts'
import type { Parameters } from '../../../src/learner/towers/parameters.ts'
import { createTowers, logit } from '../../../src/learner/towers/towers.ts'
import { decodeWeights } from '../../../src/learner/towers/training.ts'
import type { Random } from '../../../src/state/random.ts'
import { exampleOf, publish } from '../examples.ts'

export const GAMMA = 0.9
export const items = [Float32Array.of(1, 0), Float32Array.of(0, 1)]
export const shape = { stateDimensions: 2, itemDimensions: 2 }
const names = ['now', 'later']
const states = [Float64Array.of(1, 0), Float64Array.of(0, 1)]
const pay = [
  [0.4, 0],
  [0.4, 1],
]
const BEST = 0.9
const RANDOM = 0.515

/** P(later) in both states. */
export function chances(learner: Learner): number[] {
  return chancesOf(decodeWeights(publish(learner, '0', true)).weights)
}

function chancesOf(weights: Parameters): number[] {
  const towers = createTowers(weights)
  return states.map(state => {
    const { embedding } = towers.user(state)
    const [now, later] = items.map(vector => logit(embedding, towers.item(vector)))
    return 1 / (1 + Math.exp(now - later))
  })
}

/** (J − random) / (J* − random), exact. */
export function score(learner: Learner): number {
  const [first, second] = chances(learner)
  const worth = (1 - first) * pay[0][0] + first * GAMMA * ((1 - second) * pay[1][0] + second * pay[1][1])
  return (worth - RANDOM) / (BEST - RANDOM)
}

/** Sessions under a policy, one finished transition a decision. @param later P(later) in both states @param prefix of the ids */
export function sessions(
  later: readonly number[],
  count: number,
  random: Random,
  prefix: string,
  version = '',
): Example[] {
  return Array.from({ length: count }, (_, n) => session(later, random, `${prefix}/${n}`, version)).flat()
}

function session(later: readonly number[], random: Random, id: string, version: string): Example[] {
  const step = (at: 0 | 1): Example[] => {
    const action = random.uniform() < later[at] ? 1 : 0
    const goesOn = at === 0 && action === 1
    const propensity = action === 1 ? later[at] : 1 - later[at]
    const made = exampleOf(
      states[at],
      {
        transition_id: `${id}/${at}/0`,
        decision_id: `${id}/${at}`,
        session_id: id,
        session_step: at,
        action: [names[action]],
        candidates: names.map(item_id => ({
          item_id,
          feature_version: 0,
          source: 'request',
          inclusion_probability: 1,
        })),
        propensity,
        first_draw_propensity: propensity,
        model_version: version,
        cumulative: { click: pay[at][action] },
        discount: goesOn ? GAMMA : 0,
        next_decision_id: goesOn ? `${id}/1` : null,
        terminated: !goesOn,
      },
      { candidates: items, nextState: goesOn ? states[1] : null },
    )
    return [made, ...(goesOn ? step(1) : [])]
  }
  return step(0)
}

/** Plays with the policy that the learner publishes each round, and learns from what was played. */
export function practise(learner: Learner, rounds: number, sessionsEach: number, random: Random): void {
  for (let n = 1; n <= rounds; n++) {
    const version = String(n)
    const { weights } = decodeWeights(publish(learner, version, true))
    learner.learn(sessions(chancesOf(weights), sessionsEach, random, version, version))
  }
}

/** A finished transition as it comes from the stream: without its reward, then reward, way on. */
export function revisionsOf(finished: Example): [Example, Example, Example] {
  const { transition } = finished
  const open = { discount: null, next_decision_id: null, terminated: false }
  const revised = (changes: object, rest: Partial<Example>): Example => ({
    ...finished,
    ...rest,
    transition: { ...transition, ...changes },
  })
  const none = { nextState: null, nextCandidates: null }
  return [
    revised({ ...open, cumulative: {} }, { ...none, reward: 0 }),
    revised({ ...open, kind: 'reward', revision: 1 }, none),
    revised({ kind: transition.terminated ? 'close' : 'continuation', revision: 2 }, {}),
  ]
}

/** The revisions of all, interleaved: first ones in order of arrival, what follows on each at any time after it. */
export function shuffledRevisions(finished: readonly Example[], random: Random): Example[] {
  const timed = finished.flatMap((each, n) => {
    const [first, ...later] = revisionsOf(each)
    return [
      { at: n, revision: first },
      ...later.map(revision => ({ at: n + finished.length * random.uniform(), revision })),
    ]
  })
  return timed.sort((a, b) => a.at - b.at).map(({ revision }) => revision)
}
