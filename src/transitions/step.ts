/**
 * The joiner: decisions + outcomes -> transitions. A step absorbs its inputs into the open joins, then writes for each
 * join that changed the difference between what should be known and what was emitted, then drops what is over:
 *
 *   absorb(inputs) -> close(due windows) -> write(target - emitted) -> note(outputs) -> retire
 *
 * `fold` is the same path with the accepted outputs in the place of written ones. What should be known depends on the
 * set of records only, what was emitted on accepted outputs only; so the sums are the same for any order, split,
 * duplication or crash. No time but event times and ticks, no state but tables.
 */
import type { Config } from '../config.ts'
import { validateEvent } from '../events/validate.ts'
import type { Input, Output, Stage, Tick } from '../stage.ts'
import { absorbDecision, absorbEvent } from './absorb.ts'
import { type Accepted, unreadBytes, type Written } from './decision.ts'
import { revisionsOf } from './emit.ts'
import { type Join, withEmitted } from './join.ts'
import { retire } from './retire.ts'
import { joinerRules } from './rules-print.ts'
import { advanceClock, clockAt, createState, type JoinerState, type JoinerStore } from './state.ts'
import { count, countsOf, type Rules, rulesOf, startWork, type Work } from './work.ts'

export type { JoinerState } from './state.ts'

/** Creates the joiner stage. Inputs: recommendations, events; output: transitions, keyed by user.
 * @param openStore where the tables of a partition are; on the heap when absent */
export function createJoiner(
  config: Config,
  openStore?: (partition: number) => Promise<JoinerStore>,
): Stage<JoinerState, undefined> {
  const rules = rulesOf(config, (value, nowMs) => validateEvent(value, nowMs, config.limits))
  return {
    name: 'joiner',
    rules: joinerRules(config),
    open: partition => openStore?.(partition).then(store => createState(config, store)) ?? createState(config),
    step(state, inputs, tick) {
      const { work, nowMs } = take(state, rules, inputs, tick, config.step.maxBytes)
      const outputs = write(work, nowMs, tick)
      settle(work, outputs, nowMs)
      return { outputs, refusals: work.refusals, counts: countsOf(work) }
    },
    fold(state, inputs, outputs, tick) {
      const { work, nowMs } = take(state, rules, inputs, tick, config.step.maxBytes)
      settle(work, outputs, nowMs)
    },
    due(state, tick) {
      const nowMs = clockAt(state, tick)
      return [state.closing, state.retiring, state.forgetting].some(timers => timers.nextMs() <= nowMs)
    },
  }
}

/** Absorbs the inputs, advances the clock, and marks joins whose windows are over. */
function take(state: JoinerState, rules: Rules, inputs: readonly Input[], tick: Tick, maxBytes: number) {
  const work = startWork(state, rules)
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
  for (let bytes = 0; bytes < maxBytes && work.state.closing.nextMs() <= nowMs; )
    for (const id of work.state.closing.take(nowMs, 1)) {
      const join = work.state.joins.get(id)
      if (!join) continue
      work.dirty.add(id)
      bytes += roughBytes(join)
    }
}

/** About how much a join may write at once. */
function roughBytes({ decision }: Join): number {
  return (decision.slots.length + 1) * (400 + 2 * unreadBytes(decision))
}

function write(work: Work, nowMs: number, tick: Tick): Output<Written>[] {
  const outputs: Output<Written>[] = []
  for (const id of work.dirty) {
    const join = work.state.joins.get(id)
    if (!join) continue
    const policy = work.rules.policies.get(join.decision.policy)!
    for (const value of revisionsOf(work.state, join, policy, { nowMs, emittedMs: tick.timeMs })) {
      outputs.push({ key: value.user_id, value })
      countRevision(work, value)
    }
  }
  return outputs
}

function countRevision(work: Work, { kind, delta, slot, slots }: Written): void {
  count(work, 'feedloop_transitions_total', 'kind', kind)
  if (slot < 0 && slots > 1) return
  for (const [component, change] of Object.entries(delta))
    if (change > 0) count(work, 'feedloop_reward_sum_total', 'component', component, change)
}

/** Takes note of accepted outputs, then drops what is over. */
function settle(work: Work, outputs: readonly Output[], nowMs: number): void {
  for (const { value } of outputs) {
    const transition = value as Accepted
    const join = work.state.joins.get(transition.decision_id)
    if (join) work.state.joins.set(transition.decision_id, withEmitted(join, transition))
  }
  retire(work, nowMs)
  work.state.seal?.()
}
