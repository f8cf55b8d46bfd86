/**
 * Slates, put together again: the stream has one transition a slot, of which the buffer keeps each by `decision_id/slot`. A slate is
 * there when all of its slots are; what a person took of it is what has an outcome of the wanted kinds.
 */
import type { Buffer, Entry } from '../replay/buffer.ts'
import type { SlateRewards } from '../replay/slate-rewards.ts'

export interface Slate {
  readonly state: Float64Array
  /** Vectors of the slate's items, by slot. */
  readonly candidates: readonly Float32Array[]
  /** Slots that were taken; empty: none. */
  readonly taken: readonly number[]
  /** As a whole, where it is told; else of all slots. */
  readonly reward: number
  readonly weight: number
  /** Of what came next: what its first slot says, as do all. */
  readonly first: Entry
}

type Components = Readonly<Record<string, number>>

/** @param isTaken is an outcome of the component a choice?
 * @returns undefined while some slot is missing, or can't be learned yet; and when something was taken, but nobody says what */
export function slateOf(
  { buffer, wholes }: { readonly buffer: Buffer; readonly wholes: SlateRewards },
  { decision_id: id, slots }: { readonly decision_id: string; readonly slots: number },
  isTaken: (component: string) => boolean,
): Slate | undefined {
  const entries = siblings(buffer, id, slots)
  if (!entries?.every(buffer.learnable)) return undefined
  const [first] = entries
  const whole = slots > 1 ? wholes.find(id) : undefined
  const hasChoice = (cumulative: Components): boolean =>
    Object.keys(cumulative).some(component => cumulative[component] !== 0 && isTaken(component))
  const taken = entries.flatMap(({ cumulative }, slot) => (hasChoice(cumulative) ? [slot] : []))
  if (whole && taken.length === 0 && hasChoice(whole.cumulative)) return undefined
  return {
    state: first.example.state,
    candidates: entries.map(itemOf),
    taken,
    reward: whole?.reward ?? entries.reduce((sum, { reward }) => sum + reward, 0),
    weight: first.example.transition.weight,
    first,
  }
}

/** Items of the decision's slate; undefined when it is not whole here. */
export function shownBy(buffer: Buffer, decisionId: string | null): readonly Float32Array[] | undefined {
  const first = buffer.find(`${decisionId}/0`)
  return first && siblings(buffer, decisionId!, first.example.transition.slots)?.map(itemOf)
}

function siblings(buffer: Buffer, decisionId: string, slots: number): Entry[] | undefined {
  const entries = Array.from({ length: slots }, (_, slot) => buffer.find(`${decisionId}/${slot}`))
  return entries.every(entry => entry !== undefined) ? entries : undefined
}

const itemOf = ({ example }: Entry): Float32Array => example.candidates[example.action]
