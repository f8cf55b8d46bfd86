/**
 * What time a step is told: the rim's clock, and the watermark, which is the event time up to which all inputs are
 * believed to have been seen. It is the least of the inputs' greatest event times. An input is *idle* when nothing came
 * for `idleMs` and a read that began within `idleMs` found the log's end: one that cannot be read is not silent. An idle
 * input does not hold the watermark back, and when all are idle it follows the *watched* time at that distance. An event
 * time ahead of the clock counts as the clock: one bad producer must not close everybody's windows. Neither ever goes back.
 *
 * Watched time is the clock's, but for what a process did not watch: between two ticks it gains no more than `idleMs` (or
 * two intervals between steps, or a second), be it that the process was stopped, that it waited for an append, or that
 * the clock was set. What arrives later shows that the time did pass, and brings it up. A process that starts takes the
 * clock's word.
 */
import type { Input, Tick } from '../../stage.ts'

/** When an input was heard, on the rim's clock. */
export interface Heard {
  /** Its last record came; infinity while some wait to be taken. */
  readonly arrivedMs: number
  /** The last read that found the log's end began. */
  readonly endedMs: number
}

export interface Clock {
  /** Takes the event times of what a step takes. `input`: index. */
  see(input: number, records: readonly Input[], nowMs: number): void
  /** @param heard per input */
  tick(nowMs: number, heard: readonly Heard[]): Tick
  /** Goes on from a step that was accepted. */
  advance(tick: Tick): void
}

const eventTimeMs = (input: Input): number => {
  const value = input.value as { time_ms?: unknown; decision_time_ms?: unknown } | null
  const own = value?.time_ms ?? value?.decision_time_ms
  return typeof own === 'number' && Number.isFinite(own) ? own : input.timestampMs
}

/** From the task's `step` (task.ts). */
export interface Pace {
  readonly idleMs: number
  readonly intervalMs?: number
}

/** A busy machine may be late by this, ms. */
const leastGapMs = 1000

export function createClock(inputs: number, { idleMs, intervalMs = 0 }: Pace): Clock {
  const greatest = new Array<number>(inputs).fill(-1)
  let last: Tick = { timeMs: 0, watermarkMs: -1 }
  let watched: { readonly atMs: number; readonly timeMs: number } | null = null
  const maxGapMs = Math.max(idleMs, 2 * intervalMs, leastGapMs)
  const watch = (nowMs: number): number => {
    const { atMs, timeMs } = watched ?? { atMs: nowMs, timeMs: nowMs }
    const gainMs = Math.min(Math.max(0, nowMs - atMs), maxGapMs)
    watched = { atMs: nowMs, timeMs: Math.max(timeMs + gainMs, ...greatest) }
    return watched.timeMs
  }
  return {
    see(input, records, nowMs) {
      for (const record of records) greatest[input] = Math.max(greatest[input]!, Math.min(eventTimeMs(record), nowMs))
    },
    tick(nowMs, heard) {
      const isIdle = ({ arrivedMs, endedMs }: Heard): boolean => nowMs - arrivedMs >= idleMs && nowMs - endedMs < idleMs
      const watchedMs = watch(nowMs)
      const holding = greatest.filter((_, input) => !isIdle(heard[input]!))
      const seen = holding.length === 0 ? watchedMs - idleMs : Math.min(...holding)
      return { timeMs: Math.max(last.timeMs, nowMs), watermarkMs: Math.max(last.watermarkMs, seen) }
    },
    advance(tick) {
      last = { timeMs: Math.max(last.timeMs, tick.timeMs), watermarkMs: Math.max(last.watermarkMs, tick.watermarkMs) }
    },
  }
}
