/**
 * The gate: model versions -> releases. A version serves when it passes every structural check: it is finite, loads
 * with the configured shapes, follows the version before it, scores finite numbers, and is no further from the serving
 * version than a mean KL of gate.maxKl (src/gate/probe.ts). Distance alone is held, not condemned: a learner whose versions
 * stay close to one another for gate.holdMs is somewhere else for good (a long pause, a world that moved) and is let
 * through, or the version that happened to serve would stay for ever. Every judged version gets a release; a refused one
 * repeats the shares that serve, with the reason and the numbers. What serves is in the last release, so recovery reads
 * releases only; the versions behind it, to compare with and to build on, are asked for before the first step.
 * A person's order (`feedloop release`) is a step of a gate too, that of the command: of two gates the log says who was first.
 */
import type { ModelVersion, Release, Share } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { type ErrorCode, FeedloopError } from '../errors.ts'
import { assertFinite } from '../learner/tensors.ts'
import { createPolicyLoader } from '../models/load.ts'
import type { Policy, PolicyLoader } from '../models/policy.ts'
import type { Standing } from '../models/start.ts'
import { championOf, firstTraffic, hasPassed, type Order, ordered, promoted, type Traffic } from '../models/traffic.ts'
import { retentionMs } from '../pipeline.ts'
import type { Count, Input, Output, Stage, StageState, Tick } from '../stage.ts'
import { createStateEncoder } from '../state/encode.ts'
import { createProbe, type Probe } from './probe.ts'

interface Track {
  readonly loader: PolicyLoader
  readonly probe: Probe
  /** Version seen last, judged or passed over; null: none since the state was opened. */
  seen: string | null
  /** A version was loaded since the state was opened: from then on every increment is judged. */
  loaded: boolean
  /** Version judged last before the state was opened, which increments may build on; null: none in the log. */
  judged: string | null
  /** What serves, by the last release. */
  traffic: Traffic
  /** Newest version that passed; '': none since the first release that was read. */
  latest: string
  /** Its last release, ms; 0: none yet. */
  releasedMs: number
  /** The champion, loaded; null: the initial policy, or a version that is not in the log or does not load any more. */
  policy: Policy | null
  /** Loaded last, serving or not. */
  last: Policy | null
  /** Since when versions are too far from what serves, but not from each other, ms; null: the last was not. */
  heldSinceMs: number | null
}

export interface GateState extends StageState {
  releases: number
  /** Still to be carried out. */
  order: Order | null
  /** False: where the policies stand must be asked before the next step. */
  stands: boolean
  readonly tracks: ReadonlyMap<string, Track>
}

type Evidence = Record<string, boolean | string | number>
/** `refused` null: it may serve. */
interface Verdict {
  readonly refused: ErrorCode | null
  readonly policy: Policy | null
  readonly evidence: Evidence
}

const VERSION_DIGITS = 12

const temperatureOf = ({ explorer }: Config['policies'][number]): number =>
  explorer.name === 'softmax' ? explorer.temperature : 1

/** Asked before the first step of an opened state, and after an order. */
export type Standings = () => Promise<ReadonlyMap<string, Standing>>

/** @param standings where each policy stood before the state was opened; absent: nothing was judged before
 * @param order carried out by the first step, after the versions that it judges */
export function createGate(config: Config, standings?: Standings, order?: Order): Stage<GateState> {
  const stateDimensions = createStateEncoder(config).dimensions
  const itemDimensions = config.features.dimensions
  const newTrack = (policy: Config['policies'][number]): Track => ({
    loader: createPolicyLoader(policy),
    probe: createProbe({ stateDimensions, itemDimensions, temperature: temperatureOf(policy) }),
    seen: null,
    loaded: false,
    judged: null,
    traffic: firstTraffic(policy.mode),
    latest: '',
    releasedMs: 0,
    policy: null,
    last: null,
    heldSinceMs: null,
  })
  const keptMs = retentionMs(config, 'releases')
  const expires = ({ releasedMs }: Track, tick: Tick): boolean =>
    releasedMs > 0 && tick.timeMs - releasedMs >= keptMs / 2
  return {
    name: 'gate',
    recovery: 'positions-in-output',
    open() {
      const tracks = new Map(config.policies.map(policy => [policy.name, newTrack(policy)]))
      const state: GateState = {
        releases: 0,
        order: order ?? null,
        stands: standings === undefined,
        tracks,
        commit() {},
        room: () => (state.stands ? undefined : standAgain()),
      }
      const standAgain = async (): Promise<void> => {
        await begin(tracks, standings!)
        state.stands = true
      }
      return state
    },
    step(state, inputs, tick) {
      const outputs: Output<Release>[] = []
      const counts: Count[] = []
      for (const { value: model } of inputs as readonly Input<ModelVersion>[]) {
        const track = state.tracks.get(model.policy)
        if (!track || passOver(track, model)) continue
        const verdict = judge(track, model, config.gate, tick)
        const made = release(state, track, model, verdict, tick)
        outputs.push({ key: model.policy, value: made })
        counts.push(...countsOf(verdict, made))
      }
      if (state.order) {
        const { traffic } = state.tracks.get(state.order.policy)!
        const made = carriedOut(state, state.order, tick)
        outputs.push({ key: state.order.policy, value: made })
        const reason = isRollback(traffic.shares, made.shares) ? 'rollback' : 'manual'
        counts.push({ metric: 'feedloop_releases_total', labels: { reason }, value: 1 })
        state.order = null
        state.stands = standings === undefined
      }
      for (const [policy, track] of state.tracks) {
        if (!expires(track, tick)) continue
        outputs.push({ key: policy, value: repeated(state, policy, track, tick) })
        counts.push({ metric: 'feedloop_releases_total', labels: { reason: 'repeated' }, value: 1 })
      }
      return { outputs, refusals: [], counts }
    },
    due: (state, tick) => state.order !== null || [...state.tracks.values()].some(track => expires(track, tick)),
    whole: state => [...state.tracks.values()].every(track => track.releasedMs > 0),
    fold(state, _inputs, outputs) {
      for (const { value } of outputs as readonly Output<Release>[]) {
        state.releases = Number(value.release_version)
        if (value.evidence.order === state.order?.id) state.order = null
        const track = state.tracks.get(value.policy)
        if (!track) continue
        track.traffic = { mode: value.mode, shares: value.shares }
        if (hasPassed(value)) track.latest = String(value.evidence.version)
        track.releasedMs = value.time_ms
      }
    },
  }
}

/** Stands where the gate stood: compares with what serves also when that is not what was judged last. */
async function begin(tracks: ReadonlyMap<string, Track>, standings: Standings): Promise<void> {
  for (const [policy, { judged, serving }] of await standings()) {
    const track = tracks.get(policy)
    if (!track) continue
    track.policy = serving?.version === championOf(track.traffic.shares) ? reloaded(track, serving!) : null
    track.judged = judged?.version ?? null
    if (judged) track.last = judged.version === track.policy?.version ? track.policy : reloaded(track, judged)
  }
}

/** Null: it was refused before and does not load now either, or it does not fit the configuration any more. */
function reloaded({ loader }: Track, model: ModelVersion): Policy | null {
  try {
    assertFinite(model.version, model.tensors)
    return loader.load(model)
  } catch (error) {
    if (!(error instanceof FeedloopError)) throw error
    return null
  }
}

/** An increment on a version from before the state was opened that is not the one judged last. */
function passOver(track: Track, model: ModelVersion): boolean {
  if (track.loaded || model.base_version === null) return false
  track.loaded = model.base_version === track.judged
  track.seen = track.loaded ? track.judged : model.version
  return !track.loaded
}

/** All checks; the first that fails gives the code. */
function judge(track: Track, model: ModelVersion, bounds: Config['gate'], tick: Tick): Verdict {
  const evidence: Evidence = {
    version: model.version,
    transitions: model.transitions,
    tensors: model.tensors.length,
    bytes: model.tensors.reduce((sum, tensor) => sum + tensor.data.length, 0),
  }
  try {
    assertFollows(track, model)
    assertFinite(model.version, model.tensors)
    const policy = track.loader.load(model)
    track.loaded = true
    assertClose(track, policy, { ...bounds, nowMs: tick.timeMs }, evidence)
    return { refused: null, policy, evidence }
  } catch (error) {
    if (!(error instanceof FeedloopError)) throw error
    return { refused: error.code, policy: null, evidence: { ...evidence, detail: error.message } }
  } finally {
    track.seen = model.version
  }
}

function assertFollows(track: Track, model: ModelVersion): void {
  if (track.seen !== null && model.parent !== track.seen)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version} names ${model.parent} as its parent, after ${track.seen}`,
    )
}

interface Bounds {
  readonly maxKl: number
  readonly holdMs: number
  readonly nowMs: number
}

function assertClose(track: Track, policy: Policy, { maxKl, holdMs, nowMs }: Bounds, evidence: Evidence): void {
  const { last } = track
  // a version compared with itself: the means must be finite even when nothing serves yet
  const { mean, max, probes } = track.probe.compare(policy, track.policy ?? policy)
  if (!Number.isFinite(mean))
    throw new FeedloopError('MODEL_NOT_FINITE', `version ${policy.version} scores numbers that are not finite`)
  track.last = policy
  evidence.compared_with = track.policy?.version ?? ''
  evidence.probes = probes
  if (!track.policy) return
  evidence.kl_mean = mean
  evidence.kl_max = max
  if (mean <= maxKl) {
    track.heldSinceMs = null
    return
  }
  const steady = last !== null && last !== track.policy && track.probe.compare(policy, last).mean <= maxKl
  if (!steady || track.heldSinceMs === null) track.heldSinceMs = nowMs
  evidence.held_ms = nowMs - track.heldSinceMs
  if (evidence.held_ms < holdMs)
    throw new FeedloopError('MODEL_TOO_FAR', `version ${policy.version}: mean KL ${mean.toFixed(3)} exceeds ${maxKl}`)
  track.heldSinceMs = null
}

function release(state: GateState, track: Track, model: ModelVersion, verdict: Verdict, tick: Tick): Release {
  if (verdict.policy) pass(track, verdict.policy)
  return {
    ...nextRelease(state, model.policy, track, tick),
    reason: reasonOf(track, verdict),
    refused_version: verdict.refused ? model.version : null,
    evidence: verdict.evidence,
  }
}

function pass(track: Track, policy: Policy): void {
  track.latest = policy.version
  track.traffic = promoted(track.traffic, policy.version)
  if (championOf(track.traffic.shares) === policy.version) track.policy = policy
}

/** Where all shares are pinned, a version may pass and yet not serve. */
const reasonOf = ({ traffic }: Track, { refused }: Verdict): string => {
  if (refused) return `refused:${refused}`
  return traffic.shares.some(share => share.follows) ? 'promoted' : 'passed'
}

function carriedOut(state: GateState, order: Order, tick: Tick): Release {
  const track = state.tracks.get(order.policy)!
  track.traffic = ordered(track.traffic, order, track.latest || championOf(track.traffic.shares))
  return {
    ...nextRelease(state, order.policy, track, tick),
    reason: 'manual',
    refused_version: null,
    evidence: { order: order.id, why: order.why, by: order.by },
  }
}

/** An older version serves most of the users than did. */
const isRollback = (before: readonly Share[], after: readonly Share[]): boolean =>
  mostServed(after) < mostServed(before)

const mostServed = (shares: readonly Share[]): string =>
  shares.reduce((most, each) => (each.share > most.share ? each : most)).model_version

/** What serves is said again before the log forgets it. */
const repeated = (state: GateState, policy: string, track: Track, tick: Tick): Release => ({
  ...nextRelease(state, policy, track, tick),
  reason: 'repeated',
  refused_version: null,
  evidence: {},
})

function nextRelease(state: GateState, policy: string, track: Track, tick: Tick) {
  track.releasedMs = tick.timeMs
  return {
    release_version: String(++state.releases).padStart(VERSION_DIGITS, '0'),
    policy,
    time_ms: tick.timeMs,
    ...track.traffic,
  }
}

const countsOf = ({ refused }: Verdict, { reason }: Release): Count[] => [
  { metric: 'feedloop_releases_total', labels: { reason: refused ? 'refused' : reason }, value: 1 },
  ...(refused ? [{ metric: 'feedloop_models_refused_total', labels: { stage: 'gate', code: refused }, value: 1 }] : []),
]
