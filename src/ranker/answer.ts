/** A user's state for people: what the ranker's door answers. As the next decision would see it, so a step that waits for its
 * append is in it already, and one that loses its race was. */
import { FeedloopError } from '../errors.ts'
import type { UserAnswer } from '../gateway/answers.ts'
import { partitionFor } from '../log/partition.ts'
import { isKnown, type RankerState, userOf } from './state.ts'

export interface Holder {
  /** This process's task of a partition goes on from this state; undefined: it has none now. */
  hold(partition: number, state: RankerState | undefined): void
  /** @throws FeedloopError USER_ELSEWHERE, USER_UNKNOWN */
  describe(userId: string): UserAnswer
}

/** What the tasks of a process know, by partition. */
export function createHolder(partitions: number): Holder {
  const held = new Map<number, RankerState>()
  return {
    hold(partition, state) {
      if (state === undefined) held.delete(partition)
      else held.set(partition, state)
    },
    describe(userId) {
      const partition = partitionFor(userId, partitions)
      const state = held.get(partition)
      if (state === undefined) throw new FeedloopError('USER_ELSEWHERE', `partition ${partition} of ${partitions}`)
      if (!isKnown(state, userId)) throw new FeedloopError('USER_UNKNOWN', `user_id: "${userId}"`)
      return answerOf(userId, partition, state)
    },
  }
}

function answerOf(userId: string, partition: number, state: RankerState): UserAnswer {
  const { history, counts, profile, sessions } = userOf(state, userId)
  return {
    user_id: userId,
    partition,
    history: history.map(({ itemId, type, timeMs, value }) => ({ item_id: itemId, type, time_ms: timeMs, value })),
    counts,
    profile: profile && {
      profile_version: profile.profile_version,
      encoder_version: profile.encoder_version,
      attributes: profile.attributes,
      time_ms: profile.time_ms,
    },
    sessions: sessions.map(each => ({
      policy: each.policy,
      session_id: each.id,
      last_decision_id: each.lastDecisionId,
      decisions: each.step,
      last_time_ms: each.lastTimeMs,
    })),
  }
}
