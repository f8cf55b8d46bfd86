/**
 * Patience with brokers: what fails with LOG_UNAVAILABLE is tried again, with growing pauses, for about half a minute
 * before the caller hears of it. Restarts and leader elections pass unseen this way.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { isCode } from '../../errors.ts'

export const PATIENCE_MS = 30_000
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 500

/** Calls `call` until it answers, fails otherwise than with LOG_UNAVAILABLE, or patience ends.
 * @param signal ends the patience at once
 * @param patienceMs from the call on; a call that may well wait at the broker needs more */
export async function persist<T>(call: () => Promise<T>, signal: AbortSignal, patienceMs = PATIENCE_MS): Promise<T> {
  const giveUpAt = performance.now() + patienceMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      return await call()
    } catch (error) {
      if (!isCode(error, 'LOG_UNAVAILABLE') || signal.aborted || performance.now() >= giveUpAt) throw error
    }
    await pause(pauseMs, undefined, { signal }).catch(() => {})
  }
}
