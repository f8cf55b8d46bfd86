/**
 * The ranker's state for one partition: tables only, so that a store on disk fits behind them. Everything in it follows
 * from the inputs and the accepted outputs; it is a cache of the log.
 */
import type { Config } from '../config.ts'
import type { TopicName } from '../pipeline.ts'
import { packedTable } from '../state/packed/table.ts'
import { asState, type Store, type Table } from '../state/table.ts'
import { newUser, type Person, type Session, type UserState } from '../state/user.ts'
import { type Ages, type DecidedIds, decidedIds, type Page } from './decided.ts'
import { rankerCodecs } from './layout.ts'
import type { Unsaved } from './saving.ts'

/** The tables' rows. */
export interface RankerRows {
  /** By user id. */
  readonly people: Person
  /** By user id; last decided first. */
  readonly sessions: readonly Session[]
  readonly decided: number
  readonly pages: Page
  readonly ages: Ages
  readonly unsaved: Unsaved
}

export type RankerStore = Store<RankerRows> & {
  /** True when what is known of the user contains the record already: it came from a snapshot that is newer than the step
   * that is folded. */
  contains?(userId: string, topic: TopicName, offset: number): boolean
}

export interface RankerState extends RankerStore {
  readonly decidedIds: DecidedIds
}

type Rows<T> = Pick<Table<T>, 'get' | 'set' | 'delete'>

/** What is known of people, or what stands for it. */
export interface People {
  readonly tables: { readonly [K in 'people' | 'sessions']: Rows<RankerRows[K]> }
}

export function heapTables(): RankerStore {
  const tables = {
    people: packedTable(rankerCodecs.people),
    sessions: packedTable(rankerCodecs.sessions),
    decided: packedTable(rankerCodecs.decided),
    pages: packedTable(rankerCodecs.pages),
    ages: packedTable(rankerCodecs.ages),
    unsaved: packedTable(rankerCodecs.unsaved),
  }
  return { ...asState(tables), tables }
}

export const createState = (config: Config, store: RankerStore = heapTables()): RankerState => ({
  ...store,
  get openedAt() {
    return store.openedAt ?? null
  },
  get outlives() {
    return store.outlives ?? false
  },
  decidedIds: decidedIds(config.limits.requestDedupMs, store.tables),
})

/** What is known of a user; of one that is unknown, nothing. */
export function userOf({ tables: { people, sessions } }: People, userId: string): UserState {
  const person = people.get(userId) ?? newUser
  return { ...person, sessions: sessions.get(userId) ?? newUser.sessions }
}

/** Writes the rows in which `after` differs from `before`. */
export function putUser({ tables }: People, userId: string, before: UserState, after: UserState): void {
  const { history, counts, profile, sessions } = after
  if (history !== before.history || counts !== before.counts || profile !== before.profile)
    tables.people.set(userId, { history, counts, profile })
  if (sessions !== before.sessions) tables.sessions.set(userId, sessions)
}

export function dropUser({ tables: { people, sessions } }: People, userId: string): void {
  people.delete(userId)
  sessions.delete(userId)
}

/** Whether anything is known of a user. */
export const isKnown = ({ tables: { people, sessions } }: People, userId: string): boolean =>
  people.get(userId) !== undefined || sessions.get(userId) !== undefined
