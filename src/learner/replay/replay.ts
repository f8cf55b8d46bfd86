/**
 * What a learner of values draws from: the buffer, uniformly or by priority, without what is too old. What a revision changes
 * has the highest priority again. Judged once a step, by what stands then against what was there before, so that the order
 * of a step's revisions changes nothing.
 */
import type { Random } from '../../state/random.ts'
import type { Example } from '../learner.ts'
import { type Buffer, createBuffer, type Entry } from './buffer.ts'
import { createPriorities, type Priorities, type PriorityOptions } from './priorities.ts'

export interface ReplayOptions {
  readonly bufferSize: number
  /** An entry is learned only when its continuation is known. */
  readonly bootstraps: boolean
  /** A transition decided so long before the newest one is neither taken nor drawn; 0: no bound. */
  readonly maxAgeMs: number
  /** None: draws are uniform. */
  readonly priorities?: PriorityOptions
}

export interface Drawn {
  readonly entry: Entry
  readonly place: number
  /** Importance weight of the draw. */
  readonly weight: number
}

export interface Replay {
  readonly buffer: Buffer
  /** @returns why a revision is not taken: stale, late_unlearned */
  take(example: Example): string | undefined
  /** Takes a revision back that was taken before a restart, however old it is by now. */
  recall(example: Example): void
  /** Transitions that were let go because they had become too old, since it was asked last. */
  dropped(): Readonly<Record<'stale', number>>
  /** Up to `count` of what can be learned, with replacement. @param step gradient steps so far */
  draw(random: Random, count: number, step: number): Drawn[]
  /** Errors that the draws were learned with; one that is not finite says nothing. */
  learned(drawn: readonly Drawn[], errors: Float64Array): void
  stats(): Record<string, number>
  /** What a restored learner needs to go on identically once its buffer holds the same again: with priorities alike only, since all of it has
   * the highest one then. */
  parameters(): Record<string, number>
  restore(parameters: Readonly<Record<string, number>>): void
}

export function createReplay(options: ReplayOptions): Replay {
  const buffer = createBuffer(options.bufferSize, options.bootstraps)
  const priorities = options.priorities && createPriorities(options.bufferSize, options.priorities)
  /** Places of this step's revisions, with what stood there before them. */
  let touched = new Map<number, Entry | undefined>()
  let newestMs = 0
  let stale = 0
  const isStale = (decidedMs: number): boolean => options.maxAgeMs > 0 && decidedMs < newestMs - options.maxAgeMs
  const isOld = ({ example }: Entry): boolean => isStale(example.transition.decision_time_ms)
  const put = (example: Example): number => {
    const before = buffer.find(example.transition.transition_id)
    const place = buffer.put(example)
    if (priorities && place >= 0 && !touched.has(place)) touched.set(place, before)
    return place
  }
  const expire = (): void => {
    for (const place of buffer.expire(isOld)) {
      stale++
      priorities?.remove(place)
      touched.delete(place)
    }
  }
  return {
    buffer,
    take(example) {
      const { decision_time_ms: decidedMs } = example.transition
      newestMs = Math.max(newestMs, decidedMs)
      if (isStale(decidedMs)) return 'stale'
      return put(example) < 0 ? 'late_unlearned' : undefined
    },
    recall: put,
    dropped() {
      const dropped = { stale }
      stale = 0
      return dropped
    },
    draw(random, count, step) {
      // what came a little out of its time stands among newer ones: it is passed over below until it is the oldest
      if (options.maxAgeMs > 0) expire()
      if (!priorities) {
        const entries = buffer.sample(random, Math.min(count, buffer.size)).filter(entry => !isOld(entry))
        return entries.map(entry => ({ entry, place: -1, weight: 1 }))
      }
      for (const [place, before] of touched) judge(priorities, buffer, place, before)
      touched = new Map()
      const drawn = priorities.draw(random, Math.min(count, priorities.size), step)
      return drawn.flatMap(({ place, weight }) => {
        const entry = buffer.at(place)!
        if (!isOld(entry)) return [{ entry, place, weight }]
        priorities.remove(place)
        return []
      })
    },
    learned(drawn, errors) {
      drawn.forEach(({ place }, b) => {
        if (Number.isFinite(errors[b])) priorities?.learned(place, errors[b])
      })
    },
    stats: () => ({ buffer: buffer.size, ...(priorities && priorityStats(priorities)) }),
    parameters: () => ({ newest_decision_ms: newestMs, ...(priorities && { highest_priority: priorities.highest }) }),
    restore({ newest_decision_ms = 0, highest_priority = 1 }) {
      newestMs = newest_decision_ms
      if (priorities) priorities.highest = highest_priority
    },
  }
}

/** Of what says something else than before, or is new. */
function judge(priorities: Priorities, buffer: Buffer, place: number, before: Entry | undefined): void {
  const entry = buffer.at(place)!
  const isSame = before?.example === entry.example
  if (isSame && before.reward === entry.reward && before.discount === entry.discount) return
  if (buffer.learnable(entry)) priorities.arrive(place)
  else priorities.remove(place)
}

const priorityStats = ({ highest, total, size }: Priorities): Record<string, number> => ({
  priority_highest: highest,
  priority_mean: size > 0 ? total / size : 0,
})
