/** How far a replay has come: a small file, replaced whole, that is valid for one data file, mapping and bus prefix. */
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

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
}

/** Another mapping, prefix or file size is another replay. */
export const replayFingerprint = ({ data, mapping, prefix }: ReplaySubject, sizeBytes: number): string =>
  createHash('sha256')
    .update(JSON.stringify([basename(data), sizeBytes, readFileSync(mapping, 'utf8'), prefix]))
    .digest('hex')

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
