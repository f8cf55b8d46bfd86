/** Long work on the event loop that everybody else's work may come between. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Longest piece at a time, about: a tenth of the interval at which steps begin. */
const PIECE_MS = 2

/** Does the pieces, so many at a time as take 2 ms, others' work between. @throws what a piece throws */
export async function inTurns<T>(pieces: Generator<void, T>): Promise<T> {
  for (;;) {
    const untilMs = performance.now() + PIECE_MS
    while (performance.now() < untilMs) {
      const { done, value } = pieces.next()
      if (done) return value
    }
    await nextTurn()
  }
}
