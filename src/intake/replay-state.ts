/** How far a replay has come: a small file, replaced whole, that is valid for one content, mapping, log and prefix. */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'

export interface ReplayState {
  readonly fingerprint: string
  /** Rows of which all records are acknowledged. */
  readonly rows: number
  readonly records: number
  readonly refused: number
}

export interface ReplaySubject {
  readonly data: string
  readonly mapping: string
  readonly prefix: string
  readonly log: { readonly identity: string }
}

/** Another mapping, prefix, log, or content of the file is another replay. Reads the file once. */
export async function replayFingerprint({ data, mapping, prefix, log }: ReplaySubject): Promise<string> {
  const content = createHash('sha256')
  await pipeline(createReadStream(data), content)
  const parts = [basename(data), content.digest('hex'), readFileSync(mapping, 'utf8'), prefix, log.identity]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** The state in `file`, or the start where there is none or it belongs to another replay. */
export function readState(file: string, fingerprint: string): ReplayState {
  const start = { fingerprint, rows: 0, records: 0, refused: 0 }
  let state: ReplayState
  try {
    state = JSON.parse(readFileSync(file, 'utf8')) as ReplayState
  } catch {
    return start
  }
  return state?.fingerprint === fingerprint ? state : start
}

/** Replaces the file in one step, so that a kill leaves the old state or the new one. */
export function writeState(file: string, state: ReplayState): void {
  writeFileSync(`${file}.tmp`, JSON.stringify(state))
  renameSync(`${file}.tmp`, file)
}
