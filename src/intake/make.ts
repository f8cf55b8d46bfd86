/** What the mappings of a source make of one of its records: records of ours as bytes, and what was refused. */
import { errorTable, FeedloopError } from '../errors.ts'
import type { Fault, Limits } from '../events/validate.ts'
import type { Wire } from '../log/wire/wire.ts'
import { topics } from '../pipeline.ts'
import { parseTraceparent, traceparentOf } from '../tracing/spans.ts'
import type { CompiledMapping } from './mapping.ts'
import type { Target } from './schema.ts'
import { mapRecord, type SourceRecord } from './step.ts'

/** A record of ours, ready to be appended. */
export interface Ready {
  readonly to: Target
  readonly key: string
  readonly bytes: Buffer
  /** Its `time_ms`. */
  readonly timeMs: number
  /** The trace that the source record is of, where it is to be kept (W3C trace context). */
  readonly traceparent: string | undefined
}

export interface Made {
  readonly ready: readonly Ready[]
  readonly faults: readonly Fault[]
}

export interface Making {
  readonly wire: Wire
  readonly limits: Limits
  readonly now: () => number
}

/** Sends one source record through all mappings, in order; a mapping that refuses it keeps no other from its own. */
export function makeRecords(mappings: readonly CompiledMapping[], source: SourceRecord, making: Making): Made {
  const ready: Ready[] = []
  const faults: Fault[] = []
  const traceparent = carriedOn(source.header('traceparent'))
  for (const mapping of mappings) {
    const mapped = mapRecord(mapping, source, making.now(), making.limits)
    if (mapped.kind === 'refused') faults.push(mapped.fault)
    if (mapped.kind !== 'mapped') continue
    const { to, key, value } = mapped
    try {
      const bytes = encodeBounded(making.wire, to, value)
      ready.push({ to, key, bytes, timeMs: value.time_ms as number, traceparent })
    } catch (error) {
      faults.push(faultOf(error))
    }
  }
  return { ready, faults }
}

/** Written anew: a header may be as long as its sender likes. */
function carriedOn(text: string | undefined): string | undefined {
  const context = parseTraceparent(text)
  return context?.sampled ? traceparentOf(context) : undefined
}

/** The fault of a record that `error` tells of. @throws `error` when it is none */
export function faultOf(error: unknown): Fault {
  if (!(error instanceof FeedloopError) || errorTable[error.code].scope !== 'record') throw error
  return { code: error.code, detail: error.message.slice(error.code.length + 2) }
}

/** @throws FeedloopError RECORD_INVALID also for a record that no batch could hold */
function encodeBounded(wire: Wire, to: Target, value: unknown): Buffer {
  const bytes = wire.encode(to, value)
  const most = topics[to].maxBatchBytes * 0.9
  if (bytes.length > most) throw new FeedloopError('RECORD_INVALID', `${bytes.length} bytes, more than ${most}`)
  return bytes
}
