/**
 * `fl-step`: the header of a chained batch's first record (architecture rule 3, "the log is the lock"). It is JSON, so
 * that a reader in any language needs no schema. It names the batch before it (`prev`), which is the whole lock: a
 * batch is accepted if and only if its `prev` is the last accepted batch.
 */
import { FeedloopError } from '../../errors.ts'

export const STEP_HEADER = 'fl-step'

/** A batch's identity: where it stands, and 64 random bits (16 hex digits) that tell it from any other put there. */
export interface Head {
  readonly offset: number
  readonly id: string
  /** Epoch of the batch; absent: 0. Not part of the identity. */
  readonly epoch?: number
}

/** True when both name the same batch. */
export const sameHead = (a: Head | null, b: Head | null): boolean => a?.offset === b?.offset && a?.id === b?.id

/** Progress on one input partition. `head` is the upstream batch last accepted, for chained inputs. */
export interface InputPosition {
  /** Logical name, without the prefix. */
  readonly topic: string
  readonly partition: number
  /** The next offset to read. */
  readonly next: number
  readonly head?: Head | null
}

export interface QuietStep {
  readonly next: readonly number[]
  readonly tick: { readonly timeMs: number; readonly watermarkMs: number }
}

export interface StepHeader {
  readonly version: 1
  readonly id: string
  /** The writer's last accepted batch; null for the first batch of an epoch. */
  readonly prev: Head | null
  /** Raised by `feedloop chain adopt` only; 0 from the start. */
  readonly epoch: number
  readonly inputs: readonly InputPosition[]
  /** Where the inputs were begun (parallel to `inputs`): in the first batch of a chain only. */
  readonly from?: readonly number[]
  readonly tick: { readonly timeMs: number; readonly watermarkMs: number }
  /** Steps without output that this batch also covers, oldest first: how far each went (parallel to `inputs`) and its
   * tick. A replay folds them one by one, as they were taken. */
  readonly quiet?: readonly QuietStep[]
  /** Records of the input ranges that the stage never saw, because they could not be decoded: [input index, offset]. */
  readonly unseen?: readonly (readonly [number, number])[]
  /** Fingerprints of the configuration that the outputs follow from, by policy; absent: the stage states none. */
  readonly rules?: Readonly<Record<string, string>>
  /** Records in the batch, this one included. */
  readonly count: number
  /** Output records in it: 0 for a batch that only carries progress (its one record has null key and value). */
  readonly outputs: number
  /** Partition count of the output topic when the batch was written. */
  readonly partitions: number
}

export const encodeHeader = (header: StepHeader): Buffer => Buffer.from(JSON.stringify(header))

/** @throws FeedloopError CHAIN_HEADER_INVALID */
export function decodeHeader(bytes: Buffer): StepHeader {
  let header: StepHeader
  try {
    header = JSON.parse(bytes.toString()) as StepHeader
  } catch (cause) {
    throw new FeedloopError('CHAIN_HEADER_INVALID', 'not JSON', { cause })
  }
  const wellFormed =
    header?.version === 1 &&
    /^[0-9a-f]{16}$/.test(header.id) &&
    Number.isSafeInteger(header.count) &&
    header.count >= 1 &&
    Number.isSafeInteger(header.epoch) &&
    header.prev !== undefined &&
    Array.isArray(header.inputs)
  if (!wellFormed) throw new FeedloopError('CHAIN_HEADER_INVALID', bytes.toString().slice(0, 200))
  return header
}
