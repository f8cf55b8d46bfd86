/** Reads the log that a policy starts from. The whole file is held until it is learned: outcomes may come rows later. */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { BehaviorEvent, Request } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import { loadReplayMapping, sourceOf } from '../intake/replay.ts'
import { openRows, type Row } from '../intake/rows.ts'
import { mapRecord } from '../intake/step.ts'
import type { LoggedRow, WarmStart } from './warm-start.ts'

/** @returns undefined when the policy names no log
 * @throws FeedloopError DATA_MISSING, MAPPING_INVALID, RECORD_UNREADABLE (a CSV that breaks off) */
export async function readWarmStart(
  { limits }: Config,
  { warmStart }: PolicyConfig,
  nowMs: number,
): Promise<WarmStart | undefined> {
  if (!warmStart) return undefined
  const { data, mapping } = warmStart
  const outputs = loadReplayMapping(mapping)
  const refused: Record<string, number> = {}
  const rows: LoggedRow[] = []
  const read = (row: Row): LoggedRow => {
    const events: BehaviorEvent[] = []
    let request: Request | undefined
    const source = sourceOf(row, data)
    for (const output of row.value === null ? [] : outputs) {
      const mapped = mapRecord(output, source, nowMs, limits)
      if (mapped.kind === 'refused') refused[mapped.fault.code] = (refused[mapped.fault.code] ?? 0) + 1
      if (mapped.kind !== 'mapped') continue
      if (mapped.to === 'requests') request = mapped.value as unknown as Request
      if (mapped.to === 'events') events.push(mapped.value as unknown as BehaviorEvent)
    }
    if (row.value === null) refused.RECORD_UNREADABLE = (refused.RECORD_UNREADABLE ?? 0) + 1
    return { request, events }
  }
  for await (const row of openRows(data).rows) rows.push(read(row))
  return { digest: await digestOf(warmStart), rows, refused }
}

/** Another file, mapping or setting is another log. */
async function digestOf({ data, mapping, propensity = '' }: NonNullable<PolicyConfig['warmStart']>): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([readFileSync(mapping, 'utf8'), propensity]))
  await pipeline(createReadStream(data), hash)
  return hash.digest('hex')
}
