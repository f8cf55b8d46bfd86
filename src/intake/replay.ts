/**
 * Replay: a log that someone kept in a file (CSV or JSON lines) goes through a mapping into the bus. A row may become
 * several records: a logged decision is a request and, where it was clicked, an event. Ids come from the rows, so that a
 * row that is sent twice (after a kill) is one row. Progress is kept beside the bus, in a state file that belongs to one content,
 * mapping and log; another run goes on behind the last row that is known to be stored.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import { FeedloopError } from '../errors.ts'
import type { Limits } from '../events/validate.ts'
import { realRim } from '../log/chain/rim.ts'
import type { Log } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { createForward, type Forward } from './forward.ts'
import { makeRecords, type Ready } from './make.ts'
import { type CompiledMapping, checkShape, compileOutput, throwProblems } from './mapping.ts'
import { type ReplayState, readState, replayFingerprint, writeState } from './replay-state.ts'
import { openRows, type Row, type RowFile } from './rows.ts'
import { outputSchema } from './schema.ts'
import type { SourceRecord } from './step.ts'

export const replaySchema = z.strictObject({
  outputs: z.array(outputSchema).min(1).describe('What each row becomes, in this order.'),
})

export interface ReplayOptions {
  readonly log: Log
  readonly wire: Wire
  readonly prefix: string
  readonly limits: Limits
  /** The file of rows: `.csv`, `.tsv` or JSON lines. */
  readonly data: string
  /** The YAML mapping. */
  readonly mapping: string
  /** Times real time, by the rows' own times; absent: as fast as the bus takes them. */
  readonly speed?: number
  /** Where progress is kept; default `DATA.replay-MAPPING.json` in the working folder. */
  readonly stateFile?: string
  readonly now: () => number
  readonly signal: AbortSignal
  /** Told once before the first row, then after every append. */
  readonly progress?: (progress: ReplayProgress) => void
}

export interface ReplayProgress {
  /** Rows done, those of earlier runs included. */
  readonly rows: number
  readonly records: number
  readonly refused: number
  /** Part of the file read, [0, 1]. */
  readonly part: number
}

export interface ReplaySummary extends ReplayProgress {
  /** Rows that an earlier run had done. */
  readonly resumedAt: number
  /** Records that it had sent of them. */
  readonly sentBefore: number
  /** The first refusals, for people. */
  readonly refusals: readonly string[]
  /** False when the signal ended it before the file did. */
  readonly finished: boolean
}

const ROWS_PER_APPEND = 500
const REFUSALS_SHOWN = 20
/** With a speed, rows wait for their time, and are sent at least this often. */
const PACED_FLUSH_MS = 50

/** @throws FeedloopError MAPPING_INVALID with every problem, DATA_MISSING */
export function loadReplayMapping(file: string): CompiledMapping[] {
  let input: unknown
  try {
    input = parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new FeedloopError('MAPPING_INVALID', `${file}: ${(cause as Error).message}`, { cause })
  }
  const problems: string[] = []
  const shape = checkShape(replaySchema, input, '', problems)
  const compiled = shape?.outputs.map((output, i) => compileOutput(output, `outputs[${i}]`, problems)) ?? []
  throwProblems(problems)
  return compiled
}

const stateFileOf = (options: ReplayOptions): string =>
  options.stateFile ?? `${basename(options.data)}.replay-${basename(options.mapping)}.json`

/** What a row became. */
interface MappedRow {
  readonly ready: readonly Ready[]
  readonly refusals: readonly string[]
  /** Time of the row by its first record; null when it has none. */
  readonly timeMs: number | null
}

/** A row as the mapping sees it. */
export const sourceOf = (row: Row, data: string): SourceRecord => ({
  value: row.value,
  key: null,
  header: () => undefined,
  attributes: {},
  origin: `${basename(data)}/${row.number}`,
  timestampMs: 0,
})

function mapRow(row: Row, mappings: readonly CompiledMapping[], options: ReplayOptions): MappedRow {
  const source = sourceOf(row, options.data)
  if (row.value === null)
    return { ready: [], refusals: [`${source.origin}: RECORD_UNREADABLE: ${row.problem}`], timeMs: null }
  const { ready, faults } = makeRecords(mappings, source, options)
  const refusals = faults.map(({ code, detail }) => `${source.origin}: ${code}: ${detail}`)
  return { ready, refusals, timeMs: ready[0]?.timeMs ?? null }
}

/** Waits until a row's time has come; the first row sets the clock. */
function createPace(speed: number | undefined, now: () => number, signal: AbortSignal) {
  let start: { rowMs: number; wallMs: number } | undefined
  const aheadMs = (timeMs: number | null): number => {
    if (speed === undefined || timeMs === null) return 0
    start ??= { rowMs: timeMs, wallMs: now() }
    return (timeMs - start.rowMs) / speed - (now() - start.wallMs)
  }
  return { aheadMs, wait: (ms: number) => sleep(ms, undefined, { signal }) }
}

/** Rows mapped and not yet appended, and what has been appended so far. */
interface Progress {
  state: ReplayState
  waiting: MappedRow[]
  /** The row after the last one that waits. */
  next: number
  readonly refusals: string[]
}

/** Appends what waits, then moves the state forward: never the other way round. */
async function flush(progress: Progress, options: ReplayOptions, forward: Forward, file: RowFile): Promise<void> {
  const ready = progress.waiting.flatMap(row => row.ready)
  const refused = progress.waiting.flatMap(row => row.refusals)
  await forward(ready, { rim: realRim(options.now), signal: options.signal })
  progress.refusals.push(...refused.slice(0, REFUSALS_SHOWN - progress.refusals.length))
  const { fingerprint, records, refused: before } = progress.state
  const sums = { rows: progress.next, records: records + ready.length, refused: before + refused.length }
  progress.state = { fingerprint, ...sums }
  progress.waiting = []
  writeState(stateFileOf(options), progress.state)
  options.progress?.({ ...sums, part: partOf(file) })
}

const partOf = (file: RowFile): number => (file.sizeBytes === 0 ? 1 : file.readBytes() / file.sizeBytes)

/** Streams the file into the bus. On return all that is counted is acknowledged. Rows refused are counted and shown, not
 * sent to the dead letters: they are still in the file.
 * @throws FeedloopError USAGE, MAPPING_INVALID, DATA_MISSING, RECORD_UNREADABLE (a CSV that breaks off), those of the log */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const { speed } = options
  if (speed !== undefined && !(speed > 0)) throw new FeedloopError('USAGE', `a speed of ${speed} is not above 0`)
  const mappings = loadReplayMapping(options.mapping)
  const file = openRows(options.data)
  const state = readState(stateFileOf(options), await replayFingerprint(options))
  const progress: Progress = { state, waiting: [], next: state.rows, refusals: [] }
  options.progress?.({ ...state, part: 0 })
  await carryRows(progress, options, mappings, file).catch(error => {
    if (!options.signal.aborted) throw error
  })
  const finished = !options.signal.aborted
  const { rows, records, refused } = progress.state
  const part = finished ? 1 : partOf(file)
  const before = { resumedAt: state.rows, sentBefore: state.records }
  return { rows, records, refused, part, finished, ...before, refusals: progress.refusals }
}

async function carryRows(
  progress: Progress,
  options: ReplayOptions,
  mappings: readonly CompiledMapping[],
  file: RowFile,
): Promise<void> {
  const forward = createForward(options.log, options.prefix)
  const pace = createPace(options.speed, options.now, options.signal)
  const done = progress.state.rows
  for await (const row of file.rows) {
    if (options.signal.aborted) return
    if (row.number < done) continue
    const mapped = mapRow(row, mappings, options)
    const aheadMs = pace.aheadMs(mapped.timeMs)
    if (aheadMs > PACED_FLUSH_MS) {
      if (progress.waiting.length > 0) await flush(progress, options, forward, file)
      await pace.wait(aheadMs)
    }
    progress.waiting.push(mapped)
    progress.next = row.number + 1
    if (progress.waiting.length >= ROWS_PER_APPEND) await flush(progress, options, forward, file)
  }
  if (progress.waiting.length > 0) await flush(progress, options, forward, file)
}
