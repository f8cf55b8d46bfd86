/** What every service of a process shares. Made once, at the rim; nothing pure may see it. */
import { type Logger, pino } from 'pino'
import type { Config } from '../config.ts'
import type { UserAnswer } from '../gateway/answers.ts'
import type { Log } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { Meter } from '../metrics.ts'
import type { Tracer } from '../tracing/tracer.ts'

export interface ServiceContext {
  readonly config: Config
  readonly log: Log
  readonly wire: Wire
  readonly meter: Meter
  readonly logger: Logger
  readonly now: () => number
  /** With tracing on. */
  readonly tracer?: Tracer
}

/** A started service. */
export interface Running {
  readonly name: string
  /** Empty when ready, else what is awaited. */
  waitingFor(): string
  /** Of a ranker: what its tasks know of a user. @throws FeedloopError USER_ELSEWHERE, USER_UNKNOWN */
  readonly describe?: (userId: string) => UserAnswer
  /** Rejects when the service ends with a terminal error. */
  readonly done: Promise<void>
  /** Finishes what is in flight, then stops. */
  stop(): Promise<void>
}

/** Structured logs on stderr, so that a command's stdout stays its answer. */
export const createLogger = (level: string): Logger =>
  pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }))
