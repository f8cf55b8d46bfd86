/**
 * Compaction of a partition of `snapshots`: of a key only the last record stays. What comes late, a rival's or an own append
 * that is stored once more, takes nothing with it: by the time that compaction comes, an hour after, whoever owns the
 * partition has seen it and written the key anew.
 */
import type { UserSnapshot } from '../../schemas/records.ts'
import type { SimulatedPartition } from '../log/chain/simulation/log.ts'
import type { LogRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'

export function compact(partition: SimulatedPartition, wire: Wire): void {
  const { batches } = partition
  /** By key: the step that what stays is of. */
  const newest = new Map<string, number>()
  const stays = (record: LogRecord): boolean => {
    const key = record.key!.toString()
    const step = stepOf(record, wire)
    const later = newest.get(key)
    if (later !== undefined && (later > step || later === LAST)) return false
    newest.set(key, step)
    return true
  }
  for (let i = batches.length - 1; i >= 0; i--) {
    const kept = batches[i]!.records.toReversed().filter(stays).reverse()
    batches[i] = { ...batches[i]!, records: kept }
  }
}

const LAST = Number.POSITIVE_INFINITY

/** Of a floor, and of what can't be read, whichever is last takes the place of the others. */
function stepOf({ key, value, headers }: LogRecord, wire: Wire): number {
  if (key!.length === 0) return LAST
  if (value !== null) return (wire.decode('snapshots', value) as UserSnapshot).contains!.offset
  return (JSON.parse(headers['fl-contains']!.toString()) as { offset: number }).offset
}
