/**
 * Absorbing inputs into the joins. What is known afterwards depends on the set of records that were absorbed, not on
 * their order: outcomes wait for their decisions, decisions take over what is theirs, and ids are counted once.
 * (Of two records with one id and different content the first in the log counts, which is the same for every reader.)
 */
import type { BehaviorEvent } from '../../schemas/records.ts'
import { isForget } from '../events/forget.ts'
import type { Fault } from '../events/validate.ts'
import type { Input } from '../stage.ts'
import { seedOf } from '../state/random.ts'
import { decisionFlaw, outcomeFlaw, slotOf } from './attribution.ts'
import { type Decision, sameDecision } from './decision.ts'
import { truncationMs } from './emit.ts'
import { forgetUser, mark, unmark } from './forget.ts'
import { hasShown, type Join, joinTime, openJoin, outcomeOf, withOutcome, withoutOutcome } from './join.ts'
import {
  emptySession,
  joinSession,
  leaveSession,
  memberOf,
  neighbours,
  type Session,
  sessionKey,
  sessionMember,
  sessionOf,
  userKey,
} from './session.ts'
import { type Change, emptyTouch, type Move, type Touch, touchKey, withEvent, withNamed, withShown } from './touch.ts'
import { timeOf } from './transition.ts'
import {
  countAttributed,
  countDecision,
  countOutcome,
  leadMs,
  orphan,
  refuseDecision,
  refuseOutcome,
  type Work,
} from './work.ts'

/** Absorbs one accepted recommendation. Returns its event time, -1 when it was refused. */
export function absorbDecision(work: Work, input: Input): number {
  const decision = input.value as Decision
  const flaw = decisionFlaw(decision, work.rules.policies)
  if (flaw) {
    refuseDecision(work, input, flaw)
    return -1
  }
  const known = work.state.joins.get(decision.decision_id)
  if (!known) open(work, decision)
  else if (sameDecision(known.decision, decision)) countDecision(work, 'duplicate')
  else refuseDecision(work, input, decidedOtherwise(decision))
  return timeOf(decision)
}

const decidedOtherwise = ({ decision_id }: Decision): Fault => ({
  code: 'RECORD_CONTRADICTS',
  detail: `${decision_id} was decided otherwise before`,
})

function open(work: Work, decision: Decision): void {
  const { state, dirty } = work
  const id = decision.decision_id
  const join = openJoin(decision)
  state.joins.set(id, join)
  scheduleJoin(work, join)
  countDecision(work, join.kind === 'open' ? 'opened' : join.kind === 'empty' ? 'inactive' : join.kind)
  dirty.add(id)
  if (join.active) activate(work, join)
  const isShown = hasShown(join) && join.active
  if (!isShown) mark(work, decision.user_id, id)
  const waiting = state.waiting.get(id)
  if (!waiting) return
  state.waiting.delete(id)
  for (const each of waiting) absorbOutcome(work, each)
  for (const { value } of waiting) if (isShown || value.user_id !== decision.user_id) unmark(work, value.user_id, id)
}

function scheduleJoin({ state, rules }: Work, join: Join): void {
  const { decision_id: id, policy: name } = join.decision
  const policy = rules.policies.get(name)!
  state.retiring.schedule(joinTime(join) + rules.keepMs, id)
  if (join.kind !== 'open') return
  if (policy.learn === 'at-close') state.closing.schedule(joinTime(join) + policy.attributionWindowMs, id)
  if (policy.gamma > 0) state.closing.schedule(truncationMs(join, policy), id)
}

/** People can have seen it: it takes its place in the session, and the outcomes on its items that name no decision. */
function activate(work: Work, join: Join): void {
  const { decision } = join
  if (!hasShown(join)) return
  if (work.rules.policies.get(decision.policy)!.gamma > 0) enterSession(work, join)
  const { decision_id: id, policy } = decision
  const shown = { id, policy, timeMs: joinTime(join) }
  for (const { item_id } of decision.slots)
    changeTouch(work, touchKey(decision.user_id, item_id), touch => withShown(touch, shown, work.rules))
}

function enterSession({ state, dirty }: Work, { decision }: Join): void {
  const key = sessionOf(decision)
  const before = state.sessions.get(key) ?? emptySession
  const session = joinSession(before, memberOf(decision))
  state.sessions.set(key, session)
  if (before.members.length === 0) {
    const user = userKey(decision.policy, decision.user_id)
    const sessions = state.sessions.get(user) ?? emptySession
    state.sessions.set(user, joinSession(sessions, sessionMember(decision.session_id)))
  }
  const { previous } = neighbours(session, decision.decision_id)
  if (previous) dirty.add(previous.id)
}

/** Absorbs one behaviour event. Returns its event time, -1 when it was refused. */
export function absorbEvent(work: Work, input: Input, tickMs: number): number {
  const event = input.value as BehaviorEvent
  const invalid = work.rules.validate(event, tickMs)
  const seen = invalid ? undefined : work.state.seen.get(event.event_id)
  const hash = contentHash(event)
  const flaw = invalid ?? (seen && seen.hash !== hash ? contradiction(event) : null)
  if (flaw) {
    refuseOutcome(work, input, flaw)
    return -1
  }
  if (seen) countOutcome(work, 'duplicate')
  else attribute(work, input as Input<BehaviorEvent>, hash)
  return event.time_ms
}

const contradiction = ({ event_id }: BehaviorEvent): Fault => ({
  code: 'RECORD_CONTRADICTS',
  detail: `event ${event_id} came before with other content`,
})

function attribute(work: Work, input: Input<BehaviorEvent>, hash: number): void {
  const { state } = work
  const event = input.value
  state.seen.set(event.event_id, { hash, awaits: null, touch: null, left: null })
  if (isForget(event)) absorbForget(work, event)
  else if (event.decision_id !== null) absorbOutcome(work, input)
  else absorbUnclaimed(work, event)
  state.forgetting.schedule(forgottenAt(work, event), event.event_id)
}

/** When an event may be forgotten. One that nothing hangs on counts from when it came, not from when it happened: ids
 * known for longer are a safer guard against repetition, and late ones then fill one page and not a page each. */
function forgottenAt({ state, rules }: Work, { event_id, time_ms }: BehaviorEvent): number {
  const { awaits, touch, left } = state.seen.get(event_id)!
  const alone = awaits === null && touch === null && left === null
  const nowMs = state.clock.get('clock')?.nowMs ?? time_ms
  return (alone ? Math.max(time_ms, nowMs) : time_ms) + rules.keepMs
}

function absorbUnclaimed(work: Work, event: BehaviorEvent): void {
  if (event.type === 'leave') absorbLeave(work, event)
  if (event.item_id !== null && work.rules.rewarded.has(event.type)) absorbUnnamed(work, event)
  else countOutcome(work, 'organic')
}

function absorbForget(work: Work, event: BehaviorEvent): void {
  countOutcome(work, 'organic')
  forgetUser(work, event.user_id)
}

const contentHash = (event: BehaviorEvent): number =>
  seedOf(
    JSON.stringify([
      event.user_id,
      event.session_id,
      event.decision_id,
      event.item_id,
      event.slot,
      event.type,
      event.slate_hash,
      event.value,
      event.time_ms,
    ]),
  )

/** An outcome that names its decision: joined, or kept waiting for it. */
function absorbOutcome(work: Work, input: Input<BehaviorEvent>): void {
  const { state } = work
  const event = input.value
  const id = event.decision_id!
  const join = state.joins.get(id)
  if (join) {
    joinOutcome(work, join, input)
    return
  }
  state.waiting.set(id, [...(state.waiting.get(id) ?? []), input])
  state.seen.set(event.event_id, { ...state.seen.get(event.event_id)!, awaits: id })
  mark(work, event.user_id, id)
}

function joinOutcome(work: Work, join: Join, input: Input<BehaviorEvent>): void {
  const event = input.value
  const policy = work.rules.policies.get(join.decision.policy)!
  const flaw = outcomeFlaw(join.decision, event, leadMs(work.rules, policy))
  if (flaw) {
    refuseOutcome(work, input, flaw)
    return
  }
  const ageMs = event.time_ms - joinTime(join)
  const again = join.outcomes.some(each => each.id === event.event_id)
  if (again) countOutcome(work, 'duplicate')
  else if (ageMs > policy.correctionWindowMs) orphan(work, input, `${ageMs} ms after ${join.decision.decision_id}`)
  else {
    countOutcome(work, ageMs > policy.attributionWindowMs ? 'correction' : 'joined')
    countAttributed(work, 'decision')
    addOutcome(work, join, event, 1)
    if (hasShown(join) && work.rules.cancellable.has(event.type)) touchNamed(work, join, event)
    if (event.type === 'leave' && policy.gamma > 0) {
      rememberLeave(work, event, join.decision.session_id)
      noteLeave(work, sessionOf(join.decision), event.time_ms)
      endLast(work, sessionOf(join.decision))
    }
    if (event.type === 'activate' && ageMs <= policy.attributionWindowMs) activateLate(work, join)
  }
}

function activateLate(work: Work, { active, decision }: Join): void {
  if (active) return
  const join = { ...work.state.joins.get(decision.decision_id)!, active: true }
  work.state.joins.set(decision.decision_id, join)
  activate(work, join)
}

/** @param parts among how many decisions the outcome is shared */
function addOutcome(work: Work, join: Join, event: BehaviorEvent, parts: number): void {
  const id = join.decision.decision_id
  work.state.joins.set(id, withOutcome(join, outcomeOf(event, slotOf(join.decision, event), parts)))
  work.dirty.add(id)
}

/** A `leave` that names no decision ends its session under every policy; one that names none, all of its user. */
function absorbLeave(work: Work, event: BehaviorEvent): void {
  const { user_id, session_id, time_ms } = event
  rememberLeave(work, event, session_id ?? '')
  for (const { name, gamma } of work.rules.policies.values()) {
    if (gamma === 0) continue
    const { members } = noteLeave(work, sessionKey(name, user_id, session_id ?? ''), time_ms)
    if (session_id === null) for (const { id } of members) endLast(work, sessionKey(name, user_id, id))
    else endLast(work, sessionKey(name, user_id, session_id))
  }
}

/** What it ended is remembered as long as it is itself: a decision before it may arrive late. */
function rememberLeave(work: Work, { event_id, user_id }: BehaviorEvent, sessionId: string): void {
  const { seen } = work.state
  seen.set(event_id, { ...seen.get(event_id)!, left: `${user_id}\0${sessionId}` })
  mark(work, user_id, event_id)
}

function noteLeave({ state: { sessions } }: Work, key: string, timeMs: number): Session {
  const session = leaveSession(sessions.get(key) ?? emptySession, timeMs)
  sessions.set(key, session)
  return session
}

function endLast({ state, dirty }: Work, key: string): void {
  const last = state.sessions.get(key)?.members.at(-1)
  if (last) dirty.add(last.id)
}

function absorbUnnamed(work: Work, event: BehaviorEvent): void {
  const { seen } = work.state
  const key = touchKey(event.user_id, event.item_id!)
  seen.set(event.event_id, { ...seen.get(event.event_id)!, touch: key })
  changeTouch(work, key, touch => withEvent(touch, event, work.rules))
}

/** It may be taken back by an outcome that names no decision, or take away what that would. */
function touchNamed(work: Work, { decision }: Join, event: BehaviorEvent): void {
  const { seen } = work.state
  const slot = decision.slots[slotOf(decision, event)]
  if (!slot) return
  const key = touchKey(event.user_id, slot.item_id)
  seen.set(event.event_id, { ...seen.get(event.event_id)!, touch: key })
  changeTouch(work, key, touch => withNamed(touch, event, work.rules))
}

/** Changes a touch and moves the outcomes in it to the decisions that are now theirs. */
function changeTouch(work: Work, key: string, change: (touch: Touch) => Change): void {
  const { touch, moves } = change(work.state.touches.get(key) ?? emptyTouch)
  work.state.touches.set(key, touch)
  for (const each of moves) move(work, each)
}

function move(work: Work, { event, from, to, isFirst }: Move): void {
  const { joins } = work.state
  if (isFirst) {
    const last = joins.get(to.at(-1)!)!
    const { attribution, attributionWindowMs } = work.rules.policies.get(last.decision.policy)!
    countOutcome(work, event.time_ms - joinTime(last) > attributionWindowMs ? 'correction' : 'joined')
    countAttributed(work, attribution)
  }
  for (const id of from) takeBack(work, id, event.event_id)
  for (const id of to) addOutcome(work, joins.get(id)!, event, to.length)
}

function takeBack({ state, dirty }: Work, decisionId: string, eventId: string): void {
  state.joins.set(decisionId, withoutOutcome(state.joins.get(decisionId)!, eventId))
  dirty.add(decisionId)
}
