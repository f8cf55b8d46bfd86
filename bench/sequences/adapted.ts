/** A learner to whom things happen that a plain run does not have: transitions that come late, rewards that come late, a log before. */
import type { Example, Learner } from '../../src/learner/learner.ts'

export type Adapt = (learner: Learner) => Learner

/** Half of the transitions come so many versions after the others. */
export const halfLate = (versions: number): Adapt => split(examples => halves(examples), versions)

/** Half of the rewards come as a revision, so many versions after the transition, which first says 0. */
export const rewardsLate = (versions: number): Adapt => split(examples => withLateRewards(examples), versions)

/** The same, where what a transition said first stands: revisions are dropped. */
export const rewardsLost: Adapt = split(examples => ({ ...withLateRewards(examples), later: [] }), 0)

interface Split {
  readonly now: readonly Example[]
  readonly later: readonly Example[]
}

/** All chance is in the transitions' order, so it is the same for every learner. */
function split(divide: (examples: readonly Example[]) => Split, versions: number): Adapt {
  return learner => {
    const waiting: (readonly Example[])[] = []
    return {
      ...learner,
      learn(examples) {
        const { now, later } = divide(examples)
        waiting.push(later)
        const due = waiting.length > versions ? waiting.shift()! : []
        return learner.learn([...now, ...due])
      },
    }
  }
}

const isOdd = (_: Example, i: number): boolean => i % 2 === 1

const halves = (examples: readonly Example[]): Split => ({
  now: examples.filter((each, i) => !isOdd(each, i)),
  later: examples.filter(isOdd),
})

function withLateRewards(examples: readonly Example[]): Split {
  const revised = (example: Example): Example => ({
    ...example,
    transition: { ...example.transition, kind: 'reward', revision: 1 },
  })
  const unrewarded = (example: Example): Example => ({
    ...example,
    transition: { ...example.transition, cumulative: {} },
    reward: 0,
    deltaReward: 0,
  })
  return {
    now: examples.map((each, i) => (isOdd(each, i) ? unrewarded(each) : each)),
    later: examples.filter(isOdd).map(revised),
  }
}

/** It learns a log before anything else, once over. */
export const after =
  (log: readonly Example[], batch: number): Adapt =>
  learner => {
    for (let from = 0; from < log.length; from += batch) learner.learn(log.slice(from, from + batch))
    return learner
  }

/** Learns nothing and keeps what it is told. */
export const recorder =
  (log: Example[]): Adapt =>
  learner => ({
    ...learner,
    learn(examples) {
      log.push(...examples)
      return { learned: 0, refused: {}, stats: {} }
    },
  })
