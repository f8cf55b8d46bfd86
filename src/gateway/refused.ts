/**
 * What the ranker refuses has no decision: it is a dead letter (what it makes of a request is too large, its limits are
 * others than the gateway's). Whoever waits for it is told its code, at once. A letter holds the request as it was
 * appended, so that no other append of the same id is meant.
 */
import type { Request } from '../../schemas/records.ts'
import { errorTable, FeedloopError } from '../errors.ts'
import { type DeadLetter, parseDeadLetter } from '../log/deadletters.ts'
import type { LogRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { type StageName, topicName } from '../pipeline.ts'
import type { Heard } from './heard.ts'
import { sameWish } from './step.ts'
import type { Waiting } from './waiting.ts'

const RANKER: StageName = 'ranker'

interface Told {
  readonly prefix: string
  readonly wire: Wire
  readonly waiting: Pick<Waiting, 'of' | 'fail'>
  readonly heard: Pick<Heard, 'decided'>
}

/** Takes a record of `dead-letters`, of whatever stage. */
export function createRefused({ prefix, wire, waiting, heard }: Told): (record: LogRecord) => void {
  const requests = topicName(prefix, 'requests')
  return record => {
    const letter = parseDeadLetter(record)
    if (letter === null || letter.stage !== RANKER || letter.topic !== requests) return
    heard.decided(letter.partition)
    const refused = requestIn(letter, wire)
    const asked = refused && waiting.of(refused.request_id)
    if (asked && isSameAppend(asked.request, refused)) waiting.fail(asked, faultOf(letter))
  }
}

/** Null: it does not decode, so none of ours. */
function requestIn({ value }: DeadLetter, wire: Wire): Request | null {
  try {
    return value && (wire.decode('requests', value) as Request)
  } catch {
    return null
  }
}

const isSameAppend = (a: Request, b: Request): boolean =>
  a.time_ms === b.time_ms && a.deadline_ms === b.deadline_ms && sameWish(a, b)

/** A code that this version does not know (of a newer ranker) is the record's fault all the same. */
function faultOf({ code, message }: DeadLetter): FeedloopError {
  const known = Object.hasOwn(errorTable, code) ? code : 'RECORD_INVALID'
  return new FeedloopError(known, message.replace(`${code}: `, ''))
}
