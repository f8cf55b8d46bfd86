/**
 * The folder of an embedded log: `topics/<topic>/topic.json`, its partitions' segments, and `commits.jsonl`, one line a
 * commit (the last line for a position counts, a torn last line does not). One process at a time: `lock` holds its pid;
 * `identity` is given once.
 */
import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { FeedloopError } from '../../errors.ts'
import type { Committed, TopicSpec } from '../log.ts'
import { openSegments, type Segments } from './segments.ts'

export interface GroupCommit {
  readonly group: string
  readonly positions: readonly Committed[]
}

export interface Storage {
  readonly identity: string
  topics(): readonly TopicSpec[]
  saveTopic(spec: TopicSpec): void
  partition(topic: string, partition: number): Segments
  commits(): readonly GroupCommit[]
  saveCommit(group: string, positions: readonly Committed[]): void
  close(): void
}

export function openStorage(folder: string, segmentBytes?: number): Storage {
  const topicsFolder = join(folder, 'topics')
  const commitsFile = join(folder, 'commits.jsonl')
  mkdirSync(topicsFolder, { recursive: true })
  const unlock = lock(folder)
  const commits = compactCommits(commitsFile)
  const partitions = new Map<string, Segments>()
  return {
    identity: identityOf(join(folder, 'identity')),
    topics: () =>
      readdirSync(topicsFolder)
        .map(topic => join(topicsFolder, topic, 'topic.json'))
        .filter(existsSync)
        .map(file => JSON.parse(readFileSync(file, 'utf8')) as TopicSpec),
    saveTopic(spec) {
      mkdirSync(join(topicsFolder, spec.topic), { recursive: true })
      replaceFile(join(topicsFolder, spec.topic, 'topic.json'), JSON.stringify(spec))
    },
    partition(topic, partition) {
      const path = join(topicsFolder, topic, String(partition))
      if (!partitions.has(path)) partitions.set(path, openSegments(path, segmentBytes))
      return partitions.get(path)!
    },
    commits: () => commits,
    saveCommit: (group, positions) => appendFileSync(commitsFile, `${JSON.stringify({ group, positions })}\n`),
    close() {
      for (const segments of partitions.values()) segments.close()
      unlock()
    },
  }
}

/** Reads the commits and rewrites the file with the last of each position only. */
function compactCommits(file: string): GroupCommit[] {
  if (!existsSync(file)) return []
  const last = new Map<string, GroupCommit>()
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const { group, positions } = JSON.parse(line) as GroupCommit
    for (const position of positions)
      last.set(JSON.stringify([group, position.topic, position.partition]), { group, positions: [position] })
  }
  const commits = [...last.values()]
  replaceFile(file, commits.map(commit => `${JSON.stringify(commit)}\n`).join(''))
  return commits
}

function identityOf(file: string): string {
  if (!existsSync(file)) replaceFile(file, randomUUID())
  return readFileSync(file, 'utf8')
}

function lock(folder: string): () => void {
  const file = join(folder, 'lock')
  const holder = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  if (holder > 0 && holder !== process.pid && isAlive(holder))
    throw new FeedloopError('LOG_UNAVAILABLE', `${folder} is open in process ${holder}`)
  writeFileSync(file, String(process.pid))
  return () => rmSync(file, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}
