/** Long work on the event loop that everybody else's work may come between. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { stepsWait } from '../log/kafka/turn.ts'

/** What is done at a time lasts about so long: a tenth of the interval at which steps begin. */
const LEAST_MS = 2
/** But no less than this part of what others' work took before: a loop that is busy all the time would never come to an end of it. */
const SHARE = 0.25

/** Does the pieces, some at a time, others' work between. @throws what a piece throws */
export async function inTurns<T>(pieces: Generator<void, T>): Promise<T> {
  let restedMs = 0
  for (;;) {
    const untilMs = performance.now() + Math.max(LEAST_MS, SHARE * restedMs)
    while (performance.now() < untilMs) {
      const { done, value } = pieces.next()
      if (done) return value
    }
    const pausedMs = performance.now()
    // steps take a turn each: between any two of them would be far too often
    do {
      await nextTurn()
      restedMs = performance.now() - pausedMs
    } while (stepsWait() && restedMs < LEAST_MS / SHARE)
  }
}
