/**
 * Buckets of users: all of a person's records fall into one, and a person's records are joined with nobody else's (but a request's id
 * may be another's, too: requests fall by it), so a partition of any size is judged a bucket at a time. Where there are several they are files in a temporary folder.
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seedOf } from '../../state/random.ts'

export interface Buckets<T> {
  put(key: string, entry: T): void
  /** Each bucket's entries in the order in which they were put; to be called once. */
  drain(): Iterable<readonly T[]>
}

const FLUSH_CHARS = 1 << 16

/** @param count 1: kept in memory */
export const openBuckets = <T>(count: number): Buckets<T> => (count <= 1 ? inMemory() : inFiles(count))

function inMemory<T>(): Buckets<T> {
  const entries: T[] = []
  return { put: (_, entry) => void entries.push(entry), drain: () => [entries] }
}

function inFiles<T>(count: number): Buckets<T> {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-audit-'))
  const unwritten: string[] = new Array(count).fill('')
  const file = (bucket: number): string => join(folder, String(bucket))
  const flush = (bucket: number): void => {
    if (unwritten[bucket] !== '') appendFileSync(file(bucket), unwritten[bucket])
    unwritten[bucket] = ''
  }
  return {
    put(key, entry) {
      const bucket = seedOf(key) % count
      unwritten[bucket] += `${JSON.stringify(entry)}\n`
      if (unwritten[bucket].length > FLUSH_CHARS) flush(bucket)
    },
    *drain() {
      try {
        for (let bucket = 0; bucket < count; bucket++) {
          flush(bucket)
          if (!existsSync(file(bucket))) continue
          const lines = readFileSync(file(bucket), 'utf8').split('\n')
          yield lines.filter(line => line !== '').map(line => JSON.parse(line) as T)
        }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}
