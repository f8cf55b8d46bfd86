/** One step's work: the state it changes, the rules it goes by, and what it will have to say besides transitions. */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import type { Fault } from '../events/validate.ts'
import type { MetricName } from '../metric-table.ts'
import type { Count, Input, Refusal } from '../stage.ts'
import type { Written } from './decision.ts'
import { type JoinerState, keepMs } from './state.ts'
import { type Reach, reachOf } from './touch.ts'
import type { Traffic } from './traffic.ts'

export type Fate = 'joined' | 'correction' | 'duplicate' | 'orphan' | 'quarantined' | 'organic' | 'forgotten'
export type Validate = (event: BehaviorEvent, nowMs: number) => Fault | null

/** The rules that the joiner goes by. */
export interface Rules extends Reach {
  /** Event types that some policy rewards: the only ones attributed without a decision id. */
  readonly rewarded: ReadonlySet<string>
  readonly keepMs: number
  readonly futureSkewMs: number
  readonly validate: Validate
}

export const rulesOf = (config: Config, validate: Validate): Rules => ({
  ...reachOf(config.policies),
  rewarded: new Set(config.policies.flatMap(policy => Object.keys(policy.rewards))),
  keepMs: keepMs(config),
  futureSkewMs: config.limits.futureSkewMs,
  validate,
})

/** How much earlier than its decision an outcome may be that names it: clocks differ. */
export const leadMs = (rules: Rules, policy: PolicyConfig): number =>
  Math.max(policy.backwardWindowMs, rules.futureSkewMs)

/** One step's work: the state, and what the step will have to say. */
export interface Work {
  readonly state: JoinerState
  readonly rules: Rules
  /** For counts; absent: none is known. */
  readonly traffic?: Traffic
  /** Joins that may have something to emit, in order. */
  readonly dirty: Set<string>
  readonly refusals: Refusal[]
  readonly counts: Map<MetricName, Map<string, Count & { value: number }>>
}

export const startWork = (state: JoinerState, rules: Rules, traffic?: Traffic): Work => ({
  state,
  rules,
  traffic,
  dirty: new Set(),
  refusals: [],
  counts: new Map(),
})

export const count = (work: Work, metric: MetricName, label: string, name: string, value = 1): void =>
  add(work, metric, name, value, () => ({ [label]: name }))

/** What a revision says of the worth of its slot. */
export const countSlot = (work: Work, metric: MetricName, slot: Written, value = 1): void => {
  const { policy, mode, chosen_by, model_version } = slot
  const isPinned = work.traffic?.isPinned(policy, model_version) === true
  const version = model_version === '' ? 'initial' : isPinned ? 'pinned' : 'following'
  add(work, metric, `${policy} ${mode} ${chosen_by} ${version}`, value, () => ({ policy, mode, chosen_by, version }))
}

function add(work: Work, metric: MetricName, name: string, value: number, labels: () => Record<string, string>): void {
  const byName = work.counts.get(metric) ?? new Map<string, Count & { value: number }>()
  if (byName.size === 0) work.counts.set(metric, byName)
  const before = byName.get(name)
  if (before) before.value += value
  else byName.set(name, { metric, labels: labels(), value })
}

export const countsOf = ({ counts }: Work): Count[] => [...counts.values()].flatMap(byName => [...byName.values()])

export const countOutcome = (work: Work, fate: Fate): void => count(work, 'feedloop_outcomes_total', 'fate', fate)
export const countDecision = (work: Work, fate: string): void =>
  count(work, 'feedloop_decisions_joined_total', 'fate', fate)

const refuse = (work: Work, input: Input, flaw: Fault): void => void work.refusals.push({ input, ...flaw })

/** By which way an outcome came to its decisions. */
export const countAttributed = (work: Work, way: 'decision' | PolicyConfig['attribution']): void =>
  count(work, 'feedloop_outcomes_attributed_total', 'way', way)

/** Too late, or without its decision: counted, and kept as a dead letter. */
export function orphan(work: Work, input: Input, detail: string): void {
  countOutcome(work, 'orphan')
  refuse(work, input, { code: 'OUTCOME_ORPHAN', detail })
}

export function refuseDecision(work: Work, input: Input, flaw: Fault): void {
  countDecision(work, 'quarantined')
  refuse(work, input, flaw)
}

export function refuseOutcome(work: Work, input: Input, flaw: Fault): void {
  countOutcome(work, 'quarantined')
  refuse(work, input, flaw)
}
