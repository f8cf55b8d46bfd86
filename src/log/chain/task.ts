/** Runs one stage on one output partition through the chain. (Signature fixed; body to be written.) */
import type { Logger } from 'pino'
import type { Meter } from '../../metrics.ts'
import type { TopicName } from '../../pipeline.ts'
import type { Stage, StageState } from '../../stage.ts'
import type { Log } from '../log.ts'
import type { Wire } from '../wire/wire.ts'

export interface TaskInput {
  readonly topic: TopicName
  readonly partition: number
}

export interface TaskOptions<S extends StageState, V> {
  readonly log: Log
  readonly wire: Wire
  readonly meter: Meter
  readonly logger: Logger
  readonly stage: Stage<S, V>
  readonly prefix: string
  readonly inputs: readonly TaskInput[]
  readonly output: TaskInput
  /** What the rim lends each step besides its inputs, asked anew before each. */
  readonly view: () => V
  readonly now: () => number
  readonly step: {
    /** At least this long from the start of one step to the start of the next, ms. */
    readonly intervalMs: number
    readonly maxRecords: number
    readonly maxBytes: number
    /** A header-only batch at least this often while inputs progress without output, ms. */
    readonly progressMs: number
    /** An input with no record for this long does not hold the watermark back, ms. */
    readonly idleMs: number
  }
  /** Called after each accepted step: what was emitted, at which offset. For commits of group offsets and for doors. */
  readonly accepted?: (step: { baseOffset: number; header: import('./header.ts').StepHeader }) => void
}

export interface Task {
  /** Resolves when recovered and running; rejects on a terminal error. */
  readonly ready: Promise<void>
  /** Resolves when stopped; rejects on a terminal error. */
  readonly done: Promise<void>
  /** Finishes the append in flight, then stops. */
  stop(): Promise<void>
}
export declare function startTask<S extends StageState, V>(options: TaskOptions<S, V>): Task
