/**
 * What serves now. Models and releases come from two topics in no fixed order between them; a release takes effect when
 * every version that it names is loaded, and until then the release before it stays: the last good one always serves.
 * A user stays with the same version while the shares stay: the choice is a hash of user and policy, not chance.
 */
import type { Mode, ModelVersion, Release } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { type ErrorCode, FeedloopError } from '../errors.ts'
import { seedOf } from '../state/random.ts'
import { createPolicyLoader, finish } from './load.ts'
import type { Policy, PolicyLoader } from './policy.ts'
import { hasPassed } from './traffic.ts'

export interface Served {
  /** Null: the initial policy. */
  readonly policy: Policy | null
  /** Empty before the first release. */
  readonly releaseVersion: string
  readonly mode: Mode
  /** On what the version was let serve; empty: the initial policy, or its release was not read here. */
  readonly evidence: Release['evidence']
}

export interface Serving {
  /** Loads a version; one that does not load is counted in `refusals` and changes nothing. */
  putModel(model: ModelVersion): void
  /** The same in pieces (PolicyLoader.loading): what serves is another after the last of them. */
  takeOver(model: ModelVersion): Generator<void, void>
  putRelease(release: Release): void
  serving(policy: string, userId: string): Served
  /** The versions that answer, that of the largest share of the users first; null: the initial policy. */
  answering(policy: string): readonly (Policy | null)[]
  /** The release that decides what serves; undefined before the first. */
  inForce(policy: string): Release | undefined
  /** Versions that the newest release waits for and that no reader will bring any more, since newer ones are here. */
  lacks(policy: string): readonly string[]
  /** A version that is not in the log any more: who has a share of it gets what the others get, lest all wait for it. */
  forsake(policy: string, version: string): void
  /** Versions refused so far, by code. */
  readonly refusals: ReadonlyMap<ErrorCode, number>
}

/** Loaded versions kept beside those that serve, and releases kept waiting, to bridge the lag of one topic's reader
 * behind the other's. */
const KEPT = 64
const EVIDENCE_KEPT = 8 * KEPT
const BUCKETS = 2 ** 53

interface Slot {
  readonly loader: PolicyLoader
  /** A full checkpoint was loaded: increments before it build on what was before our first record. */
  begun: boolean
  readonly policies: Map<string, Policy>
  /** Of versions that passed. */
  readonly evidence: Map<string, Release['evidence']>
  /** Named by releases, and not to be had. */
  readonly forsaken: Set<string>
  readonly salt: number
  /** Before the first release. */
  readonly mode: Mode
  /** In force. */
  release: Release | undefined
  /** Newer ones, in order, that name a version which is not here yet. */
  waiting: Release[]
}

export function createServing(config: Config): Serving {
  const refusals = new Map<ErrorCode, number>()
  const slots = new Map<string, Slot>()
  for (const policy of config.policies)
    slots.set(policy.name, {
      loader: createPolicyLoader(policy),
      begun: false,
      policies: new Map(),
      evidence: new Map(),
      forsaken: new Set(),
      salt: seedOf(policy.name) | 0,
      mode: policy.mode,
      release: undefined,
      waiting: [],
    })
  const takeOver = function* (model: ModelVersion): Generator<void, void> {
    const slot = slots.get(model.policy)
    if (!slot || !(slot.begun || model.base_version === null)) return
    slot.begun = true
    try {
      slot.policies.set(model.version, yield* slot.loader.loading(model))
    } catch (error) {
      if (!(error instanceof FeedloopError)) throw error
      refusals.set(error.code, (refusals.get(error.code) ?? 0) + 1)
      return
    }
    advance(slot)
    forget(slot)
  }
  return {
    refusals,
    takeOver,
    putModel: model => finish(takeOver(model)),
    putRelease(release) {
      const slot = slots.get(release.policy)
      if (!slot) return
      if (hasPassed(release)) rememberEvidence(slot, release)
      slot.waiting.push(release)
      advance(slot)
      if (slot.waiting.length > KEPT) slot.waiting.shift()
    },
    answering(policy) {
      const slot = slots.get(policy)
      const shares = slot?.release?.shares.filter(each => each.share > 0 && !slot.forsaken.has(each.model_version))
      if (!slot || !shares?.length) return [null]
      const largestFirst = shares.sort((a, b) => b.share - a.share)
      return largestFirst.map(({ model_version }) => slot.policies.get(model_version) ?? null)
    },
    inForce: policy => slots.get(policy)?.release,
    lacks(policy) {
      const slot = slots.get(policy)
      const newest = slot?.waiting.at(-1)
      if (!slot || !newest) return []
      const passed = (version: string): boolean => [...slot.policies.keys()].some(known => known > version)
      return versionsOf(newest).filter(version => !isSettled(slot, version) && passed(version))
    },
    forsake(policy, version) {
      const slot = slots.get(policy)
      if (!slot) return
      slot.forsaken.add(version)
      advance(slot)
    },
    serving(policy, userId) {
      const slot = slots.get(policy)
      if (!slot?.release) return { policy: null, releaseVersion: '', mode: slot?.mode ?? 'online', evidence: none }
      const drawn = versionFor(slot.release, seedOf(userId, slot.salt) / BUCKETS)
      const version = slot.forsaken.has(drawn)
        ? (versionsOf(slot.release).find(each => slot.policies.has(each)) ?? '')
        : drawn
      return {
        policy: slot.policies.get(version) ?? null,
        releaseVersion: slot.release.release_version,
        mode: slot.release.mode,
        evidence: slot.evidence.get(version) ?? none,
      }
    },
  }
}

const none: Release['evidence'] = {}

/** Also of versions that are still to come; of those that never do, only so many. */
function rememberEvidence({ evidence, policies }: Slot, release: Release): void {
  evidence.set(String(release.evidence.version), release.evidence)
  const [oldest] = evidence.keys()
  if (evidence.size > EVIDENCE_KEPT && oldest !== undefined && !policies.has(oldest)) evidence.delete(oldest)
}

/** Puts the newest complete release in force and drops those before it. */
function advance(slot: Slot): void {
  const index = slot.waiting.findLastIndex(release => versionsOf(release).every(version => isSettled(slot, version)))
  if (index < 0) return
  slot.release = slot.waiting[index]
  slot.waiting = slot.waiting.slice(index + 1)
}

const isSettled = ({ policies, forsaken }: Slot, version: string): boolean =>
  policies.has(version) || forsaken.has(version)

const versionsOf = (release: Release): string[] =>
  release.shares.map(share => share.model_version).filter(version => version !== '')

/** @param point the user's place in [0, 1) */
function versionFor({ shares }: Release, point: number): string {
  let sum = 0
  for (const { model_version, share } of shares) {
    sum += share
    if (point < sum) return model_version
  }
  return shares.at(-1)?.model_version ?? ''
}

/** Drops the oldest versions that neither serve nor are waited for. */
function forget(slot: Slot): void {
  const releases = slot.release ? [slot.release, ...slot.waiting] : slot.waiting
  const needed = new Set(releases.flatMap(versionsOf))
  for (const version of slot.policies.keys()) {
    if (slot.policies.size <= KEPT + needed.size) return
    if (needed.has(version)) continue
    slot.policies.delete(version)
    slot.evidence.delete(version)
  }
}
