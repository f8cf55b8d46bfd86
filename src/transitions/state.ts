/**
 * The joiner's state for one partition: tables only, so that a store on disk fits behind them, and a clock. Everything
 * in it follows from the inputs, the ticks and the accepted outputs; it is a cache and may be thrown away.
 *
 * The joiner's clock is event time. It follows the watermark but never runs ahead of the newest event time seen by more
 * than the time for which the inputs have been silent: logs of last year may be replayed without every window closing
 * under them, and a partition that falls silent still closes its windows.
 */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Input, StageState, Tick } from '../stage.ts'
import { packedTable } from '../state/packed/table.ts'
import { asState, memoryTable, type Store, type Table } from '../state/table.ts'
import type { Join } from './join.ts'
import { layouts } from './layout.ts'
import type { Session } from './session.ts'
import { createTimers, type TimerPage, type Timers } from './timers.ts'
import type { Touch } from './touch.ts'

/** What is remembered of an event, to know it again. */
export interface Seen {
  /** Hash of its content. */
  readonly hash: number
  /** Decision that it named and that was unknown when it came. */
  readonly awaits: string | null
  /** Touch that it is kept in. */
  readonly touch: string | null
  /** Session (without the policy) that it left. */
  readonly left: string | null
}

export interface ClockState {
  /** Windows that end here or before are closed, ms. */
  readonly nowMs: number
  /** Newest event time seen, ms. */
  readonly newestMs: number
  /** Tick of the last step with input, ms. */
  readonly inputAtMs: number
}

/** The tables' rows. */
export interface JoinerRows {
  /** By decision id. */
  readonly joins: Join
  /** By policy, user and session. */
  readonly sessions: Session
  /** By user and item. */
  readonly touches: Touch
  /** Outcomes by the decision id that they name, while it is unknown. */
  readonly waiting: readonly Input<BehaviorEvent>[]
  /** By event id. */
  readonly seen: Seen
  readonly pages: TimerPage
  readonly buckets: readonly number[]
  readonly clock: ClockState
}

export type JoinerTables = { readonly [K in keyof JoinerRows]: Table<JoinerRows[K]> }

export interface JoinerState extends StageState, JoinerTables {
  discard(): void
  seal?(): void
  /** Joins to look at again: their window or session may be over. */
  readonly closing: Timers
  /** Joins past correction. */
  readonly retiring: Timers
  /** Events too old to matter. */
  readonly forgetting: Timers
}

/** How long decisions and events are kept, ms: the longest of any policy, so that who leads never leaves first. */
export const keepMs = (config: Config): number => Math.max(...config.policies.map(each => each.correctionWindowMs))

/** The tables with what makes a state of them: on the heap, or on disk (src/state/disk.ts). */
export type JoinerStore = Store<JoinerRows>

export function heapTables(): JoinerStore {
  const tables = {
    joins: packedTable(layouts.joins),
    sessions: packedTable(layouts.sessions),
    touches: packedTable(layouts.touches),
    waiting: packedTable(layouts.waiting),
    seen: packedTable(layouts.seen),
    pages: packedTable(layouts.pages),
    buckets: memoryTable<readonly number[]>(),
    clock: memoryTable<ClockState>(),
  }
  return { ...asState(tables), tables }
}

export function createState(config: Config, store: JoinerStore = heapTables()): JoinerState {
  const { tables } = store
  const shortest = Math.min(...config.policies.flatMap(each => [each.attributionWindowMs, each.sessionGapMs]))
  const width = (spanMs: number, buckets: number) => Math.max(1, Math.floor(spanMs / buckets))
  return {
    ...store,
    ...tables,
    closing: createTimers('closing', width(shortest, 1024), tables),
    retiring: createTimers('retiring', width(keepMs(config), 65_536), tables),
    forgetting: createTimers('forgetting', width(keepMs(config), 65_536), tables),
  }
}

const unset: ClockState = { nowMs: -1, newestMs: -1, inputAtMs: 0 }

/** What the clock will say at this tick. */
export function clockAt(state: JoinerTables, tick: Tick): number {
  const { nowMs, newestMs, inputAtMs } = state.clock.get('clock') ?? unset
  if (newestMs < 0) return nowMs
  const silentMs = Math.max(0, tick.timeMs - inputAtMs)
  return Math.max(nowMs, Math.min(tick.watermarkMs, newestMs + silentMs))
}

/** Takes note of input that came with this tick. @param newestMs -1: none */
export function advanceClock(state: JoinerTables, tick: Tick, newestMs: number, hadInput: boolean): number {
  const before = state.clock.get('clock') ?? unset
  const inputAtMs = hadInput ? tick.timeMs : before.inputAtMs
  state.clock.set('clock', { ...before, inputAtMs, newestMs: Math.max(before.newestMs, newestMs) })
  const nowMs = clockAt(state, tick)
  state.clock.set('clock', { ...state.clock.get('clock')!, nowMs })
  return nowMs
}
