/** What was shown together, from a buffer of transitions that each say one slot of it. */
import type { Seen } from '../gradient/method.ts'
import type { Example } from '../learner.ts'
import type { Buffer, Entry } from '../replay/buffer.ts'
import type { SlateRewards } from '../replay/slate-rewards.ts'

/** A slot's choice as it was made. */
export interface Choice extends Seen {
  readonly entry: Entry
  /** Index of the chosen candidate among `candidates`. */
  readonly action: number
}

/** Put there by a rule: no choice of any policy, but part of what was shown. */
export const isPinned = ({ transition }: Example): boolean => transition.chosen_by === 'pinned'

/** All slots of an entry's decision, in order. @returns none while one of them is not here or can't be learned yet */
export function slotsOf(buffer: Buffer, { example: { transition } }: Entry): Entry[] {
  const found: Entry[] = []
  for (let slot = 0; slot < transition.slots; slot++) {
    const entry = buffer.find(`${transition.decision_id}/${slot}`)
    if (!entry || !buffer.learnable(entry)) return []
    found.push(entry)
  }
  return found
}

/** The slots' draws: each among what the slots before have left. Candidates that no slot could draw are in no list, and
 * the lists of a decision's draws are the same, so an index of one is an index of all. */
export function drawsOf(slots: readonly Entry[]): Choice[] {
  const drawn: number[] = []
  return slots
    .filter(({ example }) => !isPinned(example))
    .map(entry => {
      const { state, candidates, action } = entry.example
      const left = candidates.filter((_, i) => !drawn.includes(i))
      const before = drawn.filter(i => i < action).length
      drawn.push(action)
      return { entry, state, candidates: left, action: action - before }
    })
}

/** What is kept of decisions. */
export interface Kept {
  readonly buffer: Buffer
  readonly wholes: SlateRewards
}

/** What a decision earned: as a whole, where its slate is told so; else in all slots that are here. */
export function earned({ buffer, wholes }: Kept, { example: { transition }, reward }: Entry): number {
  const whole = transition.slots > 1 ? wholes.find(transition.decision_id) : undefined
  if (whole) return whole.reward
  let sum = reward
  for (let slot = 0; slot < transition.slots; slot++)
    if (slot !== transition.slot) sum += buffer.find(`${transition.decision_id}/${slot}`)?.reward ?? 0
  return sum
}
