/**
 * The joiner: decisions + outcomes -> transitions. A step absorbs its inputs into the open joins, then writes for each
 * join that changed the difference between what should be known and what was emitted, then drops what is over:
 *
 *   absorb(inputs) -> close(due windows) -> write(target - emitted) -> note(outputs) -> retire
 *
 * `fold` is the same path with the accepted outputs in the place of written ones. Where these were written by other rules
 * (another window, reward or `step.maxBytes` before a restart) a difference is left, and falls due. What should be known
 * depends on the set of records only, what was emitted on accepted outputs only; so the sums are the same for any order, split,
 * duplication or crash. No time but event times and ticks, no state but tables.
 */
import type { Config, PolicyConfig } from '../config.ts'
import { validateEvent } from '../events/validate.ts'
import type { Input, Output, Stage, Tick } from '../stage.ts'
import { absorbDecision, absorbEvent } from './absorb.ts'
import { type Accepted, unreadBytes, type Written } from './decision.ts'
import { type Moment, revisionsOf } from './emit.ts'
import { type Join, joinTime, withEmitted } from './join.ts'
import { retire, retiredUntil } from './retire.ts'
import { joinerRules } from './rules-print.ts'
import { advanceClock, clockAt, createState, type JoinerState, type JoinerStore } from './state.ts'
import type { Traffic } from './traffic.ts'
import { count, countSlot, countsOf, rulesOf, startWork, type Work } from './work.ts'

export type { JoinerState } from './state.ts'

/** Creates the joiner stage. Inputs: recommendations, events; output: transitions, keyed by user.
 * @param openStore where the tables of a partition are; on the heap when absent */
export function createJoiner(
  config: Config,
  openStore?: (partition: number) => Promise<JoinerStore>,
): Stage<JoinerState, Traffic | undefined> {
  const rules = rulesOf(config, (value, nowMs) => validateEvent(value, nowMs, config.limits))
  return {
    name: 'joiner',
    rules: joinerRules(config),
    open: partition => openStore?.(partition).then(store => createState(config, store)) ?? createState(config),
    step(state, inputs, tick, traffic) {
      const { work, nowMs } = take(startWork(state, rules, traffic), inputs, tick, config.step.maxBytes)
      const outputs = write(work, nowMs, tick)
      note(work, outputs)
      settle(work, nowMs)
      return { outputs, refusals: work.refusals, counts: countsOf(work) }
    },
    fold(state, inputs, outputs, tick) {
      const { work, nowMs } = take(startWork(state, rules), inputs, tick, config.step.maxBytes)
      for (const id of note(work, outputs)) work.dirty.add(id)
      owe(work, nowMs)
      settle(work, nowMs)
    },
    due(state, tick) {
      const nowMs = clockAt(state, tick)
      const untilMs = retiredUntil(state, nowMs)
      return (
        state.closing.nextMs() <= nowMs || state.retiring.nextMs() <= untilMs || state.forgetting.nextMs() <= untilMs
      )
    },
  }
}

/** Absorbs the inputs, advances the clock, and marks joins whose windows are over. */
function take(work: Work, inputs: readonly Input[], tick: Tick, maxBytes: number) {
  const { state } = work
  let newestMs = -1
  for (const input of inputs) {
    const timeMs = input.topic === 'events' ? absorbEvent(work, input, tick.timeMs) : absorbDecision(work, input)
    if (timeMs > newestMs) newestMs = timeMs
  }
  for (const timers of [state.closing, state.retiring, state.forgetting]) timers.settle()
  const nowMs = advanceClock(state, tick, newestMs, inputs.length > 0)
  close(work, nowMs, maxBytes)
  return { work, nowMs }
}

/** Marks joins whose window or session is over, as many as fit a batch; the others stay due. */
function close(work: Work, nowMs: number, maxBytes: number): void {
  const { closing, joins } = work.state
  for (let bytes = 0; bytes < maxBytes && closing.nextMs() <= nowMs; )
    for (const id of closing.takeSome(nowMs)) {
      const join = joins.get(id)
      if (join && bytes >= maxBytes) closing.schedule(joinTime(join), id)
      else if (join) {
        work.dirty.add(id)
        bytes += roughBytes(join)
      }
    }
}

/** About how much a join may write at once. */
function roughBytes({ decision }: Join): number {
  return (decision.slots.length + 1) * (400 + 2 * unreadBytes(decision))
}

function write(work: Work, nowMs: number, tick: Tick): Output<Written>[] {
  const outputs: Output<Written>[] = []
  for (const id of work.dirty)
    for (const value of unsaid(work, id, { nowMs, emittedMs: tick.timeMs })) {
      outputs.push({ key: value.user_id, value })
      countRevision(work, value)
    }
  return outputs
}

function unsaid({ state, rules }: Work, id: string, moment: Moment): Written[] {
  const join = state.joins.get(id)
  return join ? revisionsOf(state, join, rules.policies.get(join.decision.policy)!, moment) : []
}

function countRevision(work: Work, revision: Written): void {
  const { kind, delta, slot, slots } = revision
  count(work, 'feedloop_transitions_total', 'kind', kind)
  // a slate's revisions say the same once more
  if (slot < 0 && slots > 1) return
  countWorth(work, revision)
  for (const [component, change] of Object.entries(delta))
    if (change > 0) count(work, 'feedloop_reward_sum_total', 'component', component, change)
}

/** With its first revision the series of a slot begin, penalties too: a rate can be taken of all three. */
function countWorth(work: Work, revision: Written): void {
  const worth = worthOf(revision.delta, work.rules.policies.get(revision.policy)!)
  const isFirst = revision.kind === 'initial'
  if (isFirst) countSlot(work, 'feedloop_slots_joined_total', revision)
  if (isFirst || worth > 0) countSlot(work, 'feedloop_slots_reward_total', revision, Math.max(0, worth))
  if (isFirst || worth < 0) countSlot(work, 'feedloop_slots_penalty_total', revision, Math.max(0, -worth))
}

const worthOf = (delta: Written['delta'], { rewards }: PolicyConfig): number =>
  Object.entries(delta).reduce((sum, [component, change]) => sum + (rewards[component]?.weight ?? 1) * change, 0)

/** Takes note of accepted outputs. Returns the ids of their decisions. */
function note({ state: { joins } }: Work, outputs: readonly Output[]): string[] {
  return outputs.map(({ value }) => {
    const transition = value as Accepted
    const join = joins.get(transition.decision_id)
    if (join) joins.set(transition.decision_id, withEmitted(join, transition))
    return transition.decision_id
  })
}

/** What these rules would have written and the accepted outputs do not say is due again. After a step nothing is. */
function owe(work: Work, nowMs: number): void {
  const { closing, joins } = work.state
  for (const id of work.dirty)
    if (unsaid(work, id, { nowMs, emittedMs: nowMs }).length > 0) closing.schedule(joinTime(joins.get(id)!), id)
}

function settle(work: Work, nowMs: number): void {
  retire(work, nowMs)
  work.state.seal?.()
}
