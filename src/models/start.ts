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
import { assertOwnPartition } from '../learner/own-partition.ts'
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
/** The same where the last one says it. */
const FEW = 4

/** @throws FeedloopError CHAIN_IDENTITY_LOST and what the log throws for good; MODEL_INCOMPATIBLE where the order of `policies` was
 * changed; Stopped on the signal */
export async function servingStart(bus: Bus): Promise<ServingStart> {
  const names = bus.config.policies.map(policy => policy.name)
  const releases = await releasesTail(bus)
  const standings = new Map<string, Standing>()
  const models: number[] = []
  for (const name of names) {
    const own = releases.values.filter(release => release.policy === name)
    const tail = await versionsTail(bus, name, holdsBaseOf(own.at(-1)))
    models.push(tail.offset)
    standings.set(name, standingOf(own, tail.values))
  }
  return { releases: [releases.offset], models, standings }
}

/** The newest releases, the last of every policy among them. */
export const releasesTail = (bus: Bus): Promise<Tail<Release>> =>
  tailOf<Release>(bus, { topic: 'releases', partition: 0 }, tail =>
    bus.config.policies.every(({ name }) => tail.some(release => release.policy === name)),
  )

function standingOf(releases: readonly Release[], models: readonly ModelVersion[]): Standing {
  const serving = championOf(releases.at(-1)?.shares ?? [])
  // a release that only says again what serves judged nothing
  const judged = releases.findLast(({ evidence }) => evidence.version !== undefined)?.evidence.version ?? serving
  const whole = (version: unknown) => (typeof version === 'string' ? wholeVersion(models, version) : undefined)
  return { judged: whole(judged), serving: whole(serving) }
}

/** Before anything learns: every partition of `models` ends with versions of its own policy, or of none that is configured.
 * @throws FeedloopError MODEL_INCOMPATIBLE where the order of `policies` was changed, and as `servingStart` */
export async function assertOrder(bus: Bus): Promise<void> {
  for (const partition of bus.config.policies.keys())
    assertOwnPartition(bus.config, partition, await newestIn(bus, partition))
}

/** Whose the newest version of a partition is; undefined: it has none. @throws as `servingStart` */
export async function newestIn(bus: Bus, partition: number): Promise<string | undefined> {
  const isEnough: Enough<ModelVersion> = (_, newest) => newest !== undefined
  const { newest } = await tailOf(bus, { topic: 'models', partition }, isEnough, FEW)
  return newest?.policy
}

/** One version with all its tensors, wherever it stands in the log; undefined: not there (any more).
 * @throws as `servingStart` */
export async function findVersion(bus: Bus, policy: string, version: string): Promise<ModelVersion | undefined> {
  const { values } = await versionsTail(bus, policy, tail =>
    tail.some(model => model.base_version === null && model.version <= version),
  )
  return wholeVersion(values, version)
}

/** The newest version with all its tensors; undefined: the log has none. @throws as `servingStart` */
export async function latestVersion(bus: Bus, policy: string): Promise<ModelVersion | undefined> {
  const { values } = await versionsTail(bus, policy, tail => tail.some(model => model.base_version === null))
  const newest = values.at(-1)
  return newest && wholeVersion(values, newest.version)
}

/** The end of the policy's partition, and of that its own versions: it may have had another name before. */
async function versionsTail(bus: Bus, policy: string, enough: Enough<ModelVersion>): Promise<Tail<ModelVersion>> {
  const partition = bus.config.policies.findIndex(({ name }) => name === policy)
  const place = { topic: 'models', partition, holds: (model: ModelVersion) => model.policy === policy } as const
  const tail = await tailOf(bus, place, enough)
  assertOwnPartition(bus.config, partition, tail.newest?.policy)
  return tail
}

/** Versions are numbers with leading zeros, so that text order is their order. Where nothing was released
 * and the newest is of a former name, the next one stands alone. */
const holdsBaseOf = (release: Release | undefined) => {
  const oldest = release?.shares.reduce((least, { model_version: v }) => (v !== '' && v < least ? v : least), '~')
  return (tail: readonly ModelVersion[], newest?: ModelVersion): boolean =>
    (oldest === undefined && newest !== undefined && tail.length === 0) ||
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
  /** The last one, whether it is looked for or not. */
  readonly newest: T | undefined
}

interface Place<T> {
  readonly topic: TopicName
  readonly partition: number
  /** Of what is looked for; absent: all. */
  readonly holds?: (value: T) => boolean
}

type Enough<T> = (values: readonly T[], newest: T | undefined) => boolean

/** The shortest tail that is `enough`, or all that the log has. */
async function tailOf<T>(bus: Bus, place: Place<T>, enough: Enough<T>, least = TAIL): Promise<Tail<T>> {
  const io: ChainIo = { log: bus.log, rim: realRim(bus.now), rules: chainRules, signal: bus.signal }
  const name = topicName(bus.config.topics.prefix, place.topic)
  for (let records = least; ; records *= GROWTH) {
    const { earliest, latest } = await retrying(io, () => bus.log.ends(name, place.partition))
    const offset = Math.max(earliest, latest - records)
    const tail = await readTail<T>(bus, io, { ...place, name, offset, latest })
    if (tail && (offset === earliest || enough(tail.values, tail.newest))) return { offset, ...tail }
  }
}

interface Span<T> extends Place<T> {
  readonly name: string
  readonly offset: number
  readonly latest: number
}

/** @returns null when retention removed its beginning meanwhile */
async function readTail<T>(
  bus: Bus,
  io: ChainIo,
  { topic, name, partition, holds = () => true, offset, latest }: Span<T>,
): Promise<Omit<Tail<T>, 'offset'> | null> {
  const values: T[] = []
  let newest: T | undefined
  try {
    const feed = await openFeed(io, { topic: name, partition }, { next: offset })
    while (feed.offset < latest)
      for (const record of (await feed.poll()).flatMap(batch => batch.records)) {
        const value = await decodeOrPass<T>(io, bus, topic, record)
        if (value === null) continue
        newest = value
        if (holds(value)) values.push(value)
      }
    return { values, newest }
  } catch (error) {
    if (isCode(error, 'OFFSET_OUT_OF_RANGE')) return null
    throw error
  }
}
