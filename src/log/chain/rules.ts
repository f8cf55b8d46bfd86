/**
 * The chain's rules, each one small function, apart from all I/O. Everything in this folder takes them as a parameter
 * with `chainRules` as the default; only the simulation's tests pass others, to prove that each rule is needed.
 *
 * They rest on one fact: an honest `prev` always names an accepted batch, because a writer goes on from a batch only
 * after it has verified by these same rules that the batch was accepted.
 */
import { isRetryable } from '../../errors.ts'
import type { Head, StepHeader } from './header.ts'
import { sameHead } from './header.ts'

export interface ChainRules {
  /** Reader's rule: is the batch with this header the next accepted one after `head`? */
  follows(header: StepHeader, head: Head | null): boolean
  /** Identity: does the batch at `base` name as accepted what was not? `recent`: the last accepted heads, in order. */
  contradicts(header: StepHeader, base: number, recent: readonly Head[]): boolean
  /** Identity: is the batch found where `known` stood that batch? */
  isHead(found: Head, known: Head): boolean
  /** Start anywhere, from `offset`: the batch that this one, the first read, proves accepted; null: none. */
  witnessed(batch: { readonly header: StepHeader; readonly head: Head }, offset: number): Head | null
  /** Identity: does a log that ends at `end` still hold everything below `known`? */
  reaches(end: number, known: number): boolean
  /** Shape: may a chain that was written with `was` partitions go on in a topic that has `is`? */
  keepsPartitions(was: number, is: number): boolean
  /** Identity: a task asks the log for its ends, its partition count and the known heads this often. */
  readonly watchMs: number
  /** Identity: a writer that sent nothing for so long looks whether its head still stands before it writes: a log that was
   * rolled back and grew to the same end again would take its batch, and it would believe itself. */
  readonly silentMs: number
  /** Writer's rule: nobody wrote between the end that the writer knew and its own batch. */
  adjacent(base: number, knownEnd: number): boolean
  /** The head that a writer goes on from, of the last accepted batch and the last batch in the log. */
  writersHead(accepted: Head | null, last: Head | null): Head | null
  /** May an append that failed so be stored nevertheless? Then the log is read until that is settled. */
  mayBeStored(error: unknown): boolean
}

const epochOf = (head: Head | null): number => (head === null ? -1 : (head.epoch ?? 0))

/** The first batch of an epoch above that of `head`: the genesis of a fresh log, or `feedloop chain adopt`. */
export const startsEpoch = (header: StepHeader, head: Head | null): boolean =>
  header.prev === null && header.epoch > epochOf(head)

export const chainRules: ChainRules = {
  follows: (header, head) =>
    header.prev === null ? startsEpoch(header, head) : head !== null && sameHead(header.prev, head),
  contradicts({ prev }, base, recent) {
    if (prev === null) return false
    const oldest = recent[0]
    if (oldest === undefined || prev.offset >= base) return true
    return prev.offset >= oldest.offset && !recent.some(head => sameHead(head, prev))
  },
  isHead: sameHead,
  witnessed: ({ header: { prev } }, offset) => (prev !== null && prev.offset >= offset ? prev : null),
  reaches: (end, known) => end >= known,
  keepsPartitions: (was, is) => was === is,
  watchMs: 5000,
  silentMs: 1000,
  adjacent: (base, knownEnd) => base === knownEnd,
  writersHead: accepted => accepted,
  mayBeStored: isRetryable,
}
