/** Rows of the ranker's tables as records of `snapshots`, and back. Its keys are user ids, and pages of decided ids behind a
 * NUL, which no id may hold. */
import type { SnapshotPoint, UserSnapshot } from '../../schemas/records.ts'
import type { ChainPoint } from '../stage.ts'
import { type DecidedId, restorePage } from './decided.ts'
import type { RankerStore } from './state.ts'

type Tables = RankerStore['tables']

const PAGE = '\0'
export const keyOfPage = (page: string): string => PAGE + page
const isPage = (key: string): boolean => key.startsWith(PAGE)

const blank: UserSnapshot = {
  user_id: '',
  history: [],
  counts: {},
  profile: null,
  sessions: [],
  decided: [],
  contains: null,
  floor: null,
}

/** What `snapshots` says of the partition as a whole; its key is empty. */
export const floorSnapshot = (floor: NonNullable<UserSnapshot['floor']>): UserSnapshot => ({ ...blank, floor })

/** What a step's state contains, by topic. */
export const containedAt = ({ head, header }: ChainPoint): SnapshotPoint => ({
  offset: head.offset,
  id: head.id,
  next: {
    ...Object.fromEntries(header.inputs.map(({ topic, next }) => [topic, next])),
    recommendations: head.offset + header.count,
  },
})

export const pageSnapshot = (ids: readonly DecidedId[], contains: SnapshotPoint): UserSnapshot => ({
  ...blank,
  decided: ids.map(({ id, timeMs }) => ({ decision_id: id, decision_time_ms: timeMs })),
  contains,
})

/** @returns null when there is nothing (any more) under the key */
export function snapshotOf(tables: Tables, key: string, contains: SnapshotPoint): UserSnapshot | null {
  if (isPage(key)) {
    const page = tables.pages.get(key.slice(PAGE.length))
    return page === undefined ? null : pageSnapshot(page.ids, contains)
  }
  const person = tables.people.get(key)
  const sessions = tables.sessions.get(key)
  if (person === undefined && sessions === undefined) return null
  return {
    ...blank,
    user_id: key,
    history: (person?.history ?? []).map(past => ({
      event_hash: past.eventHash,
      item_id: past.itemId,
      type: past.type,
      time_ms: past.timeMs,
      value: past.value,
    })),
    counts: person?.counts ?? {},
    profile: person?.profile ?? null,
    sessions: (sessions ?? []).map(each => ({
      policy: each.policy,
      session_id: each.id,
      last_decision_id: each.lastDecisionId,
      step: each.step,
      last_time_ms: each.lastTimeMs,
    })),
    contains,
  }
}

/** Puts the rows of a key into the tables in place of what an earlier snapshot put there: what is gone from a person must not stay. */
export function restore(tables: Tables, key: string, snapshot: UserSnapshot | null, requestDedupMs: number): void {
  if (isPage(key)) {
    const ids = snapshot?.decided.map(each => ({ id: each.decision_id, timeMs: each.decision_time_ms })) ?? []
    if (ids.length > 0) restorePage(tables, { key: key.slice(PAGE.length), ids, windowMs: requestDedupMs })
    return
  }
  tables.people.delete(key)
  tables.sessions.delete(key)
  if (snapshot === null) return
  const { history, counts, profile, sessions } = snapshot
  if (history.length > 0 || Object.keys(counts).length > 0 || profile !== null)
    tables.people.set(key, {
      history: history.map(each => ({
        eventHash: each.event_hash,
        itemId: each.item_id,
        type: each.type,
        timeMs: each.time_ms,
        value: each.value,
      })),
      counts,
      profile,
    })
  if (sessions.length > 0)
    tables.sessions.set(
      key,
      sessions.map(each => ({
        policy: each.policy,
        id: each.session_id,
        lastDecisionId: each.last_decision_id,
        step: each.step,
        lastTimeMs: each.last_time_ms,
      })),
    )
}
