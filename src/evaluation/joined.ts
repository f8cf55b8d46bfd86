/** What came of a decision so far: the newest revision of each of its transitions, and whether outcomes may still change it. */
import type { Recommendation, Transition } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { partitionFor } from '../log/partition.ts'
import type { ServiceContext } from '../operate/context.ts'
import { type JoinKind, openJoin } from '../transitions/join.ts'
import { decoded, readChain } from './audit/read.ts'

const fields = [
  'transition_id',
  'decision_id',
  'revision',
  'kind',
  'slot',
  'action',
  'examined',
  'cumulative',
  'reward_time_ms',
  'next_decision_id',
  'terminated',
  'truncated',
] as const satisfies readonly (keyof Transition)[]

/** Of a transition, what is known of its reward and of the way on. */
export type JoinedTransition = Pick<Transition, (typeof fields)[number]>

export interface Joined {
  /** Only `open` decisions make transitions. */
  readonly kind: JoinKind
  /** In order of slots, the slate as a whole (-1) last; empty: none yet, or not in the log (any more). */
  readonly transitions: readonly JoinedTransition[]
  /** May an outcome still change it? By the clock of the joiner's newest step; null where its policy is not configured (any more). */
  readonly isOpen: boolean | null
  /** Up to when an outcome counts, named or not; and up to when one that names the decision still does, as a correction. Ms since the epoch; null as above. */
  readonly countsUntilMs: number | null
  readonly correctsUntilMs: number | null
}

/** Reads one partition of `transitions`. @throws FeedloopError CHAIN_IDENTITY_LOST, CHAIN_HEADER_INVALID, LOG_UNAVAILABLE */
export async function joinedOf(context: ServiceContext, decision: Recommendation): Promise<Joined> {
  const { config, wire } = context
  const source = {
    ...context,
    prefix: config.topics.prefix,
    wire: wire.narrowed?.({ transitions: fields }, []) ?? wire,
  }
  const newest = new Map<string, JoinedTransition>()
  const partition = partitionFor(decision.user_id, config.topics.partitions)
  const { header } = await readChain(source, 'transitions', partition, async record => {
    const transition = await decoded<JoinedTransition>(source, 'transitions', record)
    // revisions stand in order
    if (transition?.decision_id === decision.decision_id) newest.set(transition.transition_id, transition)
  })
  const order = ({ slot }: JoinedTransition): number => (slot < 0 ? Number.POSITIVE_INFINITY : slot)
  return {
    kind: openJoin(decision).kind,
    transitions: [...newest.values()].sort((a, b) => order(a) - order(b)),
    ...windowsOf(decision, config, header?.tick.watermarkMs ?? -1),
  }
}

/** @param watermarkMs of the joiner's newest step; -1: unknown */
export function windowsOf(
  decision: Pick<Recommendation, 'policy' | 'request_time_ms'>,
  { policies }: Pick<Config, 'policies'>,
  watermarkMs: number,
): Pick<Joined, 'isOpen' | 'countsUntilMs' | 'correctsUntilMs'> {
  const policy = policies.find(({ name }) => name === decision.policy)
  if (!policy) return { isOpen: null, countsUntilMs: null, correctsUntilMs: null }
  const correctsUntilMs = decision.request_time_ms + policy.correctionWindowMs
  return {
    isOpen: watermarkMs <= correctsUntilMs,
    countsUntilMs: decision.request_time_ms + policy.attributionWindowMs,
    correctsUntilMs,
  }
}
