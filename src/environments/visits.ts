/** Sessions of a few decisions in which nothing changes but chance: the part that the simple worlds have in common. */
import type { Act, Observation, Session } from './environment.ts'

export interface Visit {
  readonly id: string
  /** Decisions of the session. */
  readonly decisions: number
  readonly context: Observation['context']
  readonly candidates: readonly string[] | null
  readonly slots: number
  /** What the person did before the first decision. */
  readonly before?: readonly Act[]
  /** What the person does about a slate; with `leaves` they are gone after it. */
  readonly answer: (slate: readonly string[]) => Answer
}

export interface Answer {
  readonly outcomes: readonly Act[]
  readonly expectedReward: number
  readonly leaves?: boolean
}

export function visitSession({ id, decisions, context, candidates, slots, before = [], answer }: Visit): Session {
  let left = decisions
  const observe = (organic: readonly Act[], done: boolean): Observation => ({
    organic,
    candidates,
    context,
    slots,
    done,
  })
  return {
    userId: `u${id}`,
    sessionId: id,
    reset: () => observe(before, false),
    step(slate) {
      const { outcomes, expectedReward, leaves = false } = answer(slate)
      return { outcomes, expectedReward, next: observe(leaves ? [leave] : [], leaves || --left === 0) }
    },
  }
}

/** The person is gone for good: what ends an episode. */
export const leave: Act = { type: 'leave', itemId: null, value: null, delayMs: 0 }

export const act = (type: string, itemId: string, rest: Partial<Act> = {}): Act => ({
  type,
  itemId,
  value: null,
  delayMs: 0,
  ...rest,
})
