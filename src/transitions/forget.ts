/**
 * Forgetting a user: everything that the joiner keeps of them goes, at once and without a word to the log; of what was
 * written nothing more is said. Their event ids stay known, without them, so that a repeated record is still a duplicate.
 *
 * Nothing is searched for: keys that begin with the user lead to touches and sessions, those to joins. What no item leads
 * to (a slate that was not shown, an outcome that waits, a session that was left) is marked: an empty touch of no item,
 * whose key ends with its id.
 */
import { userKey } from './session.ts'
import { emptyTouch, touchKey } from './touch.ts'
import { countDecision, countOutcome, type Work } from './work.ts'

const markOf = (userId: string, id: string): string => touchKey(userId, `\0${id}`)

/** Marks something of the user by its decision id or event id. */
export const mark = ({ state }: Work, userId: string, id: string): void =>
  state.touches.set(markOf(userId, id), emptyTouch)

/** Takes a mark back: nothing is left there, or an item leads there. */
export const unmark = ({ state }: Work, userId: string, id: string): void => state.touches.delete(markOf(userId, id))

export function forgetUser(work: Work, userId: string): void {
  const { state, rules } = work
  const ids = new Set<string>()
  const marks = markOf(userId, '')
  for (const [key, { shown, events }] of [...state.touches.range(`${userId}\0`, `${userId}\x01`)]) {
    if (key.startsWith(marks)) ids.add(key.slice(marks.length))
    for (const { id } of shown) ids.add(id)
    for (const { event, counted } of events) {
      if (!counted) countOutcome(work, 'forgotten')
      unlink(work, event.event_id)
    }
    state.touches.delete(key)
  }
  for (const policy of rules.policies.keys())
    for (const [key, { members }] of [...state.sessions.range(`${policy}\0${userId}\0`, `${policy}\0${userId}\x01`)]) {
      if (key !== userKey(policy, userId)) for (const { id } of members) ids.add(id)
      state.sessions.delete(key)
    }
  for (const id of ids) {
    forgetJoin(work, id)
    forgetWaiting(work, userId, id)
    unlink(work, id)
  }
}

function forgetJoin(work: Work, id: string): void {
  const join = work.state.joins.get(id)
  if (!join) return
  work.state.joins.delete(id)
  countDecision(work, 'forgotten')
}

function forgetWaiting(work: Work, userId: string, decisionId: string): void {
  const waiting = work.state.waiting.get(decisionId)
  if (!waiting) return
  const left = waiting.filter(({ value }) => value.user_id !== userId)
  for (const { value } of waiting) {
    if (value.user_id !== userId) continue
    countOutcome(work, 'forgotten')
    unlink(work, value.event_id)
  }
  if (left.length > 0) work.state.waiting.set(decisionId, left)
  else work.state.waiting.delete(decisionId)
}

/** The event stays known; whose it was does not. */
function unlink({ state }: Work, eventId: string): void {
  const seen = state.seen.get(eventId)
  if (seen) state.seen.set(eventId, { ...seen, awaits: null, touch: null, left: null })
}
