/** What a learner's buffers took since replay was last written: of what they hold no more, nothing for long. */
import type { Transition } from '../../../schemas/records.ts'
import type { Example, Learner } from '../learner.ts'
import { withoutLeast } from '../reward-range.ts'

export interface Told {
  note(taken: readonly Example[]): void
  /** All that was noted of what is held, as it was logged, oldest first; it is forgotten here. */
  take(): readonly Transition[]
}

/** Revisions from which on it is worth looking what is held no more. */
const MANY = 1000

export function createTold(holds: NonNullable<Learner['holds']>): Told {
  let told: Transition[] = []
  let heldLast = 0
  const prune = (): void => {
    told = told.filter(({ transition_id: id }) => holds(id))
    heldLast = told.length
  }
  return {
    note(taken) {
      for (const { transition } of taken) told.push(withoutLeast(transition) as Transition)
      if (told.length > 2 * heldLast + MANY) prune()
    },
    take() {
      prune()
      const all = told
      told = []
      heldLast = 0
      return all
    },
  }
}
