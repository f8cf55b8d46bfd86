/** What every part of a move goes by: where from and where to, and how far the sealed chains had come. */
import type { Logger } from 'pino'
import type { Config } from '../../config.ts'
import type { DeadLetters } from '../../evaluation/audit/read.ts'
import { decodeOrPass } from '../../log/chain/codec.ts'
import type { StepHeader } from '../../log/chain/header.ts'
import type { LogRecord } from '../../log/log.ts'
import type { Wire } from '../../log/wire/wire.ts'
import type { Meter } from '../../metrics.ts'
import type { TopicName } from '../../pipeline.ts'
import type { Move } from './plain.ts'

export interface Sealed {
  /** Last headers by old partition; null: the chain never had a step. */
  readonly recommendations: readonly (StepHeader | null)[]
  readonly transitions: readonly (StepHeader | null)[]
  readonly models: readonly (StepHeader | null)[]
  readonly releases: StepHeader | null
}

export interface Moving extends Move {
  readonly wire: Wire
  readonly config: Config
  readonly meter: Meter
  readonly logger: Logger
  readonly sealed: Sealed
  /** Old partition of `models` by new one; undefined: of a new policy. */
  readonly modelsFrom: readonly (number | undefined)[]
  readonly letters: DeadLetters
  readonly tick: StepHeader['tick']
}

/** The position of a sealed chain in one of its inputs. */
export const nextIn = (header: StepHeader | null | undefined, topic: TopicName, partition: number): number =>
  header?.inputs.find(each => each.topic === topic && each.partition === partition)?.next ?? 0

/** A record's value; null when it does not decode. */
export const read = <T>({ io, wire }: Moving, topic: TopicName, record: LogRecord): Promise<T | null> =>
  decodeOrPass<T>(io, { wire }, topic, record)
