/** The lmdb of replay on disk (disk.ts). A cache: what is damaged, or kills who reads it, is dropped. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { CRASHES, noteOpening } from '../../state/crashes.ts'
import { damageOf } from '../../state/lmdb-file.ts'
import { type Numbered, numbered } from './numbered.ts'

export interface ReplayFiles {
  readonly env: RootDatabase
  readonly meta: Database<string, string>
  /** Transition revisions as they were taken, by number. */
  readonly revisions: Database<Buffer, number>
  /** Ids of what had left. */
  readonly left: Numbered
}

/** @param folder of one policy's replay alone */
export function openReplayFiles(folder: string): ReplayFiles {
  if (noteOpening(folder) >= CRASHES || damageOf(join(folder, 'data.mdb')) !== null) return openAnew(folder)
  return openEnvironment(folder)
}

export function openAnew(folder: string): ReplayFiles {
  rmSync(folder, { recursive: true, force: true })
  noteOpening(folder)
  return openEnvironment(folder)
}

function openEnvironment(path: string): ReplayFiles {
  const env = open({ path, noSubdir: false, maxDbs: 3, encoding: 'binary', cache: false, overlappingSync: true })
  return {
    env,
    meta: env.openDB<string, string>('meta', { encoding: 'string' }),
    revisions: env.openDB<Buffer, number>('revisions', { encoding: 'binary' }),
    left: numbered(env.openDB<string, number>('left', { encoding: 'string' })),
  }
}
