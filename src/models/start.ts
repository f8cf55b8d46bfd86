/**
 * Where a reader of `models` and `releases` begins: a week of versions a second is too much to read at every start, and
 * what serves stands near the end of both. The end of a partition is read, wider each time, until it holds what is looked
 * for: in `releases` the last release of every policy, in `models` a full checkpoint from which the versions looked for
 * follow. Reading on from there, by the reader's rule as ever, arrives at the same place as reading from the first record.
 */
import type { Logger } from 'pino'
import type { ModelVersion, Release } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { isCode } from '../errors.ts'
import { asFull, type Merged, mergeVersion } from '../learner/tensors.ts'
import { decodeOrPass } from '../log/chain/codec.ts'
import { openFeed } from '../log/chain/feed.ts'
import { type ChainIo, realRim, retrying } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Log } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { type TopicName, topicName } from '../pipeline.ts'
import { championOf } from './traffic.ts'

/** Where the versions are. */
export interface Bus {
  readonly config: Config
  readonly log: Log
  readonly wire: Wire
  readonly logger: Pick<Logger, 'error'>
  readonly now: () => number
  /** Ends the search. */
  readonly signal?: AbortSignal
}

/** First offset to read by partition. */
export type Offsets = readonly number[]

export interface ServingStart {
  readonly releases: Offsets
  readonly models: Offsets
  /** By policy. */
  readonly standings: ReadonlyMap<string, Standing>
}

/** Where the gate stands with a policy: versions whole, absent where they are not in the log (any more). */
export interface Standing {
  /** The version judged last, which the next increment builds on. */
  readonly judged?: ModelVersion
  readonly serving?: ModelVersion
}

/** Records from the end at which the search begins, and by how much it widens. */
const TAIL = 64
const GROWTH = 8

/** @throws FeedloopError CHAIN_IDENTITY_LOST and what the log throws for good; Stopped on the signal */
export async function servingStart(bus: Bus): Promise<ServingStart> {
  const names = bus.config.policies.map(policy => policy.name)
  const releases = await releasesTail(bus)
  const standings = new Map<string, Standing>()
  const models: number[] = []
  for (const [partition, name] of names.entries()) {
    const own = releases.values.filter(release => release.policy === name)
    const tail = await tailOf<ModelVersion>(bus, 'models', partition, holdsBaseOf(own.at(-1)))
    models.push(tail.offset)
    standings.set(name, standingOf(own, tail.values))
  }
  return { releases: [releases.offset], models, standings }
}

/** The newest releases, the last of every policy among them. */
export const releasesTail = (bus: Bus): Promise<Tail<Release>> =>
  tailOf<Release>(bus, 'releases', 0, tail =>
    bus.config.policies.every(({ name }) => tail.some(release => release.policy === name)),
  )

function standingOf(releases: readonly Release[], models: readonly ModelVersion[]): Standing {
  const serving = championOf(releases.at(-1)?.shares ?? [])
  // a release that only says again what serves judged nothing
  const judged = releases.findLast(({ evidence }) => evidence.version !== undefined)?.evidence.version ?? serving
  const whole = (version: unknown) => (typeof version === 'string' ? wholeVersion(models, version) : undefined)
  return { judged: whole(judged), serving: whole(serving) }
}

/** One version with all its tensors, wherever it stands in the log; undefined: not there (any more).
 * @throws as `servingStart` */
export async function findVersion(bus: Bus, policy: string, version: string): Promise<ModelVersion | undefined> {
  const partition = bus.config.policies.findIndex(({ name }) => name === policy)
  const { values } = await tailOf<ModelVersion>(bus, 'models', partition, tail =>
    tail.some(model => model.base_version === null && model.version <= version),
  )
  return wholeVersion(values, version)
}

/** Versions are numbers with leading zeros, so that text order is their order. */
const holdsBaseOf = (release: Release | undefined) => {
  const oldest = release?.shares.reduce((least, { model_version: v }) => (v !== '' && v < least ? v : least), '~')
  return (tail: readonly ModelVersion[]): boolean =>
    tail.some(model => model.base_version === null && (oldest === undefined || model.version <= oldest))
}

/** The version with all its tensors; undefined where the records don't lead to it. */
export function wholeVersion(models: readonly ModelVersion[], version: string): ModelVersion | undefined {
  let merged: Merged | undefined
  for (const model of models) {
    if (model.base_version !== null && merged?.model.version !== model.base_version) continue
    merged = mergeVersion(merged, model)
    if (model.version === version) return asFull(merged)
  }
  return undefined
}

interface Tail<T> {
  readonly offset: number
  readonly values: readonly T[]
}

/** The shortest tail that is `enough`, or all that the log has. */
async function tailOf<T>(
  bus: Bus,
  topic: TopicName,
  partition: number,
  enough: (values: readonly T[]) => boolean,
): Promise<Tail<T>> {
  const io: ChainIo = { log: bus.log, rim: realRim(bus.now), rules: chainRules, signal: bus.signal }
  const name = topicName(bus.config.topics.prefix, topic)
  for (let records = TAIL; ; records *= GROWTH) {
    const { earliest, latest } = await retrying(io, () => bus.log.ends(name, partition))
    const offset = Math.max(earliest, latest - records)
    const values = await readTail<T>(bus, io, { topic, name, partition, offset, latest })
    if (values && (offset === earliest || enough(values))) return { offset, values }
  }
}

interface Span {
  readonly topic: TopicName
  readonly name: string
  readonly partition: number
  readonly offset: number
  readonly latest: number
}

/** @returns null when retention removed its beginning meanwhile */
async function readTail<T>(
  bus: Bus,
  io: ChainIo,
  { topic, name, partition, offset, latest }: Span,
): Promise<readonly T[] | null> {
  const values: T[] = []
  try {
    const feed = await openFeed(io, { topic: name, partition }, { next: offset })
    while (feed.offset < latest)
      for (const record of (await feed.poll()).flatMap(batch => batch.records)) {
        const value = await decodeOrPass<T>(io, bus, topic, record)
        if (value !== null) values.push(value)
      }
    return values
  } catch (error) {
    if (isCode(error, 'OFFSET_OUT_OF_RANGE')) return null
    throw error
  }
}
