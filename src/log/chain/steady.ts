/**
 * Wall time without jumps. It goes on evenly (CLOCK_MONOTONIC) and takes the wall clock's slewing along; where the wall
 * clock jumps it is believed only when it has stood by it for some seconds, since wrong settings are mostly mended at once, while
 * after a suspended machine wakes it is the wall clock that is right, and what happens then is not in the future.
 */
const slewMs = 1000
const believedAfterMs = 5000

export interface Clocks {
  /** Milliseconds since the epoch, as the machine has them. */
  readonly wallMs: () => number
  /** Milliseconds since any moment, never set. */
  readonly steadyMs: () => number
}

/** @returns milliseconds since the epoch, whole */
export function steadyClock({ wallMs, steadyMs }: Clocks): () => number {
  let aheadMs = wallMs() - steadyMs()
  let jump: { readonly aheadMs: number; readonly sinceMs: number } | null = null
  const near = (one: number, other: number): boolean => Math.abs(one - other) < slewMs
  return () => {
    const nowMs = steadyMs()
    const toldMs = wallMs() - nowMs
    if (jump === null || !near(toldMs, jump.aheadMs)) jump = { aheadMs: toldMs, sinceMs: nowMs }
    if (near(toldMs, aheadMs) || nowMs - jump.sinceMs >= believedAfterMs) {
      aheadMs = toldMs
      jump = null
    }
    return Math.floor(nowMs + aheadMs)
  }
}

/** The process's clock. */
export const steadyNow = steadyClock({ wallMs: Date.now, steadyMs: () => performance.now() })
