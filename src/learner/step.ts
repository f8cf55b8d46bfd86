/**
 * The learner stage: transitions of all partitions -> model versions of one policy. Each step learns its transitions; a
 * step that publishes (publication.ts) makes a version of all that was learned since the last, the checkpoint from which
 * learning goes on: the state *is* the last output, so recovery reads versions, and of transitions only those that none
 * contains. Without transitions a full one is published again before the last expires.
 * Weights are changed in place, hence there is nothing to discard: a step that lost its race is undone by opening anew.
 * A step learns all of its inputs or, when a vector is not here yet, nothing.
 * A log to start from (warm-start.ts) is learned by the first steps that have none behind them, in pieces (bounds.ts) of
 * which none but the last publishes, and every version from there on names it: so it is learned once, whatever crashes and
 * whoever else tries.
 */
import type { Contained, ModelVersion, Transition } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { retentionMs } from '../pipeline.ts'
import type { Input, Output, Stage, StageState, StepResult, Tick } from '../stage.ts'
import { createStateEncoder } from '../state/encode.ts'
import { learnBounds } from './bounds.ts'
import { hashOf } from './config-hash.ts'
import { createLearner } from './create.ts'
import { createExampleEncoder, type ExampleEncoder } from './examples.ts'
import type { Example, Learner } from './learner.ts'
import { assertOwnPartition } from './own-partition.ts'
import {
  isDue,
  noteLearned,
  nothingUnpublished,
  publish,
  statisticsOf,
  type Unpublished,
  versionName,
} from './publication.ts'
import type { Holder, Keeper, Kept } from './replay/keeper.ts'
import { createTold, type Told } from './replay/told.ts'
import { countsOf, none, plus, withRefused } from './tally.ts'
import { asFull, type Merged, mergeVersion } from './tensors.ts'
import { type Catalogue, type LoggedTransitions, transitionsOf, type WarmStart } from './warm-start.ts'

export interface LearnerView {
  readonly features: Catalogue
  /** Every vector that the step's transitions name was in the log before `features` was read: one that is missing will
   * not come. */
  readonly caughtUp: boolean
}

export interface LearnerState extends StageState {
  readonly learner: Learner
  readonly examples: ExampleEncoder
  /** When the newest full checkpoint was made, ms; 0: never. */
  fullMs: number
  /** Folded versions that the learner has not been restored to yet. */
  folded: Merged | undefined
  /** Whose the newest version is that was folded since the state was opened. */
  foldedOf: string | undefined
  version: number
  /** What is left of a log to start from that is being learned. */
  starting: Iterator<Transition> | undefined
  /** When the newest version was made, ms; 0: there is none. */
  createdMs: number
  unpublished: Unpublished
  /** Of learning, as the newest version says them. */
  statistics: Readonly<Record<string, number>>
  /** Where transitions for replay are kept; undefined: nowhere. */
  readonly replay: Keeper | undefined
  /** What was kept is in the buffer again, or was found to be another's. */
  recalled: boolean
  /** Revisions that the learner's buffers took since the newest version; undefined where nothing is kept. */
  readonly told: Told | undefined
  /** Of the last step, until it is accepted. */
  unkept: { readonly transitions: readonly Transition[]; readonly after: Kept } | undefined
  /** Digest of the log that was learned first; empty: none. */
  warmStart: string
  transitions: number
  newestRewardMs: number
  /** Next offset by `topic/partition`. */
  readonly contains: Map<string, Contained>
}

/** @param log to start from, where none was learned before @param openReplay where transitions for replay outlive the process */
export function createLearnerStage(
  config: Config,
  policy: PolicyConfig,
  log?: WarmStart,
  openReplay?: () => Keeper,
): Stage<LearnerState, LearnerView> {
  const encoder = createStateEncoder(config)
  const configHash = hashOf(config, policy, encoder.version)
  const keptMs = retentionMs(config, 'models')
  const { maxRecords, maxIntervalMs, publishesEachStep } = learnBounds(policy)
  const { publishMs, fullEvery } = config.learner
  /** Where steps come no more often than versions are wanted, each publishes. */
  const everyMs = maxIntervalMs < publishMs && !publishesEachStep ? publishMs : 0
  /** The newest full checkpoint, without which no version loads, must be in the log for ever. */
  const expires = (state: LearnerState, tick: Tick): boolean =>
    state.fullMs > 0 && tick.timeMs - state.fullMs >= keptMs / 2
  const starts = (state: LearnerState): boolean => log !== undefined && learnedLog(state) === ''
  const isDueNow = (state: LearnerState, tick: Tick): boolean =>
    expires(state, tick) || starts(state) || isDue(state, tick, everyMs)
  return {
    name: 'learner',
    recovery: 'positions-in-output',
    async open() {
      const learner = await createLearner(config, policy, encoder)
      const examples = createExampleEncoder({
        encoder,
        dimensions: config.features.dimensions,
        usesCandidates: learner.usesCandidates,
        usesNextCandidates: learner.usesNextCandidates ?? false,
        weightOf: component => policy.rewards[component]?.weight ?? 1,
        range: policy.rewardRange,
      })
      const fresh = {
        fullMs: 0,
        folded: undefined,
        foldedOf: undefined,
        starting: undefined,
        version: 0,
        createdMs: 0,
        unpublished: nothingUnpublished(),
        statistics: {},
        recalled: false,
        warmStart: '',
        transitions: 0,
        newestRewardMs: 0,
      }
      const replay = learner.recall && openReplay?.()
      const state: LearnerState = {
        learner,
        examples,
        ...fresh,
        contains: new Map(),
        replay,
        told: replay && createTold(learner.holds!),
        unkept: undefined,
        commit() {
          if (state.unkept) replay?.keep(state.unkept.transitions, state.unkept.after, learner as Holder)
          state.unkept = undefined
        },
        close: async () => replay?.close(),
      }
      return state
    },
    step(state, inputs, tick, view) {
      restoreFolded(state, config, policy)
      recall(state, view)
      if (inputs.length === 0 && !isDueNow(state, tick)) return quiet
      const own = inputs.map(({ value }) => value as Transition).filter(each => each.policy === policy.name)
      const { examples, missing } = encodeAll(state, own, view)
      if (starts(state) && !state.starting) startFrom(state, transitionsOf(log!, config, policy, view.features))
      if (state.starting) learnPiece(state, state.starting, log!, maxRecords, view)
      if (own.length > 0) learnOwn(state, examples, missing)
      cover(state, inputs, examples, tick)
      if (state.starting || !isDueNow(state, tick)) return quiet
      const full = state.version % fullEvery === 0 || expires(state, tick)
      const { stats } = state.unpublished
      const output = publish(state, { full, policy, configHash, tick })
      if (state.told) {
        const after = { version: output.value.version, createdMs: tick.timeMs }
        state.unkept = { transitions: state.told.take(), after }
      }
      return { outputs: [output], refusals: [], counts: countsOf(policy.name, stats) }
    },
    due: isDueNow,
    whole: state => state.folded !== undefined,
    fold(state, _inputs, outputs) {
      for (const { value } of outputs as readonly Output<ModelVersion>[]) {
        // of a policy that had this partition before: under its former name, or of the heartbeats, which are behind all others
        state.foldedOf = value.policy
        if (value.policy !== policy.name) continue
        foldVersion(state, value, configHash)
        if (log) assertSameLog(value, log)
      }
    },
  }
}

function foldVersion(state: LearnerState, model: ModelVersion, configHash: string): void {
  if (model.config_hash !== configHash)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `policy ${model.policy}, version ${model.version}: learned with other settings of algorithm, state or features ` +
        `(${model.config_hash}, now ${configHash}). Restore them, or give the policy another name to start it anew`,
    )
  // history may begin with increments whose base is beyond retention: the first full checkpoint starts it
  if (!state.folded && model.base_version !== null) return
  if (model.base_version === null) state.fullMs = model.created_ms
  state.folded = mergeVersion(state.folded, model)
}

/** Brings the learner to the newest version folded, if it is not there yet. @throws FeedloopError MODEL_INCOMPATIBLE, also
 * where the newest is of a policy that has another partition */
export function restoreFolded(state: LearnerState, config: Config, policy: PolicyConfig): void {
  assertOwnPartition(config, config.policies.indexOf(policy), state.foldedOf)
  if (!state.folded) return
  const { model } = state.folded
  state.learner.restore(asFull(state.folded))
  state.version = Number(model.version)
  state.createdMs = model.created_ms
  state.warmStart = model.warm_start
  state.transitions = model.transitions
  state.newestRewardMs = model.newest_reward_ms
  state.statistics = statisticsOf(model.metrics)
  for (const contained of model.contains) state.contains.set(`${contained.topic}/${contained.partition}`, contained)
  state.folded = undefined
}

/** Once, when the newest version is known. A vector that is not here any more leaves its transition out. */
function recall(state: LearnerState, view: LearnerView): void {
  if (state.recalled || !state.replay) return
  const after = { version: versionName(state.version), createdMs: state.createdMs }
  const { transitions, left } = state.replay.recall(after)
  state.learner.recall!(encodeAll(state, transitions, view).examples, left)
  state.recalled = true
}

/** The log that the newest version known started from. */
const learnedLog = (state: LearnerState): string => state.folded?.model.warm_start ?? state.warmStart

/** What was learned cannot be told apart any more, so another log would come on top of it. */
function assertSameLog({ policy, version, warm_start: learned }: ModelVersion, { digest }: WarmStart): void {
  if (learned !== '' && learned !== digest)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `policy ${policy}, version ${version} started from another log (${learned.slice(0, 12)}…, now ` +
        `${digest.slice(0, 12)}…): restore or remove policies.${policy}.warmStart, or give the policy another name`,
    )
}

/** @param missing transitions whose vectors are not here any more */
function learnOwn(state: LearnerState, examples: readonly Example[], missing: number): void {
  const learned = state.learner.learn(examples)
  state.told?.note(learned.taken!)
  noteLearned(state, withRefused(learned, { feature_missing: missing }), examples)
}

const quiet: StepResult = { outputs: [], refusals: [], counts: [] }

/** Transitions of a log that are learned together. */
const LOG_BATCH = 1000

function startFrom(state: LearnerState, { transitions, refused }: LoggedTransitions): void {
  state.starting = transitions[Symbol.iterator]()
  noteLearned(state, withRefused(none, refused), [])
}

/** Learns up to `maxRecords` more transitions of the log; with the last of them the state names it, and is not starting any more.
 * Items are seen by their vectors or by their ids: without its vector an item is nothing to who needs them. */
function learnPiece(
  state: LearnerState,
  transitions: Iterator<Transition>,
  { digest }: WarmStart,
  maxRecords: number,
  view: LearnerView,
): void {
  let stats = none
  for (let left = maxRecords; left > 0; left -= LOG_BATCH) {
    const batch = taken(transitions, Math.min(left, LOG_BATCH))
    const usable = state.learner.usesCandidates ? batch.filter(hasVector) : batch
    const { examples, missing } = encodeAll(state, usable, view)
    stats = withRefused(plus(stats, state.learner.learn(examples)), {
      feature_missing: missing,
      item_unknown: batch.length - usable.length,
    })
    if (batch.length === Math.min(left, LOG_BATCH)) continue
    state.warmStart = digest
    state.starting = undefined
    break
  }
  noteLearned(state, stats, [])
}

/** The next `count`, or what is left. */
function taken<T>(values: Iterator<T>, count: number): T[] {
  const some: T[] = []
  while (some.length < count) {
    const { done, value } = values.next()
    if (done) break
    some.push(value)
  }
  return some
}

const hasVector = ({ action, candidates }: Transition): boolean =>
  candidates.some(({ item_id, feature_version }) => item_id === action[0] && feature_version > 0)

function encodeAll(
  state: LearnerState,
  transitions: readonly Transition[],
  view: LearnerView,
): { examples: Example[]; missing: number } {
  const examples: Example[] = []
  let missing = 0
  for (const transition of transitions) {
    const example = state.examples.encode(transition, view.features)
    if (typeof example !== 'string') examples.push(example)
    else if (view.caughtUp) missing++
    else throw new FeedloopError('FEATURES_BEHIND', `vector ${example} of transition ${transition.transition_id}`)
  }
  return { examples, missing }
}

/** Notes how far the inputs are contained from now on. */
function cover(state: LearnerState, inputs: readonly Input[], examples: readonly Example[], { timeMs }: Tick): void {
  const { unpublished } = state
  if (unpublished.inputs === 0) unpublished.sinceMs = timeMs
  unpublished.inputs += inputs.length
  state.transitions += inputs.length
  for (const { topic, partition, offset } of inputs) {
    const key = `${topic}/${partition}`
    const next = Math.max(state.contains.get(key)?.next ?? 0, offset + 1)
    state.contains.set(key, { topic, partition, next })
  }
  for (const { transition } of examples)
    state.newestRewardMs = Math.max(state.newestRewardMs, transition.reward_time_ms ?? 0)
}
