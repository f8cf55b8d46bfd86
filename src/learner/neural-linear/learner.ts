/**
 * Neural-linear (Riquelme, Tucker & Snoek 2018, "Deep Bayesian bandits showdown"): features are learned by gradient descent
 * (train.ts), uncertainty is that of a Bayesian linear regression on them (head.ts). Between rounds of training the features
 * stand still and the head's sums grow with each decision. A round moves the features, so the sums, which are of other
 * features now, are made anew from the rows kept. A round is due when an eighth more decisions have come: the work a
 * decision stays the same, and features are moved most while they know least.
 * Class `replace`: rows hold cumulative rewards, and what a revision changes is what it says less what the row said.
 * Propensities play no part: regression on what was shown is the direct method. Continuations are not looked at.
 */
import type { Example, Learner, LearnStats } from '../learner.ts'
import type { LinearLearner } from '../linear/learner.ts'
import type { TensorFlow } from '../tensorflow.ts'
import { isFiniteArray } from '../tensors.ts'
import { restore, snapshot } from './checkpoint.ts'
import { type Features, see } from './features.ts'
import { retold, told } from './head.ts'
import { moveFeatures } from './round.ts'
import { type Row, rowName } from './rows.ts'
import { type NeuralLinearOptions, type State, startState } from './state.ts'

/** The learner with its parts open to those who serve from them in the same process (src/models/live.ts). */
export interface NeuralLinearLearner extends Learner {
  /** Other objects after each round. */
  readonly head: () => LinearLearner
  readonly features: () => Features
}

/** Decisions before the first round, and part of the rows that makes another due. */
const FIRST_ROUND = 32
const ROUND_PART = 1 / 8
/** Numbers beyond this would leave the range of floats in the towers. */
const LARGEST = 1e15

export function neuralLinearLearner(options: NeuralLinearOptions, tensorflow: TensorFlow): NeuralLinearLearner {
  const state = startState(options, tensorflow)
  return {
    algorithm: 'neural-linear',
    revisions: 'replace',
    usesCandidates: true,
    head: () => state.head,
    features: () => state.features,
    learn: batch => learn(state, batch),
    snapshot: (version, full) => snapshot(state, version, full),
    restore: model => restore(state, model),
  }
}

function learn(state: State, batch: readonly Example[]): LearnStats {
  const refused: Record<string, number> = {}
  const said: Example[] = []
  let learned = 0
  for (const example of batch) {
    const reason = refusal(state.options, example) ?? take(state, example, said)
    if (reason) refused[reason] = (refused[reason] ?? 0) + 1
    else learned++
  }
  const head = state.head.learn(said)
  for (const [reason, count] of Object.entries(head.refused)) {
    refused[reason] = (refused[reason] ?? 0) + count
    learned -= count
  }
  const due = state.arrived >= Math.max(FIRST_ROUND, ROUND_PART * state.rows.size)
  const round = due ? moveFeatures(state) : {}
  const { adam, refusedUpdates } = state.training
  const counters = { rows: state.rows.size, updates: adam.steps, refused_updates: refusedUpdates }
  return {
    learned,
    refused,
    stats: { ...round, ...counters, items: state.head.blocks.size, evicted: head.stats.evicted },
  }
}

/** Why a revision can't be learned, by what it says alone: the same for every revision of a transition. */
function refusal(options: NeuralLinearOptions, { transition, state, candidates, action }: Example): string | undefined {
  if (transition.slot < 0 || transition.action.length !== 1) return 'slate'
  if (action < 0) return 'action_not_candidate'
  const vector = candidates[action]
  if (state.length !== options.stateDimensions || vector.length !== options.itemDimensions) return 'dimensions'
  const numbers = [transition.weight, ...Object.values(transition.cumulative)]
  if (![numbers, state, vector].every(isFiniteArray)) return 'not_finite'
  if (transition.weight < 0) return 'weight_negative'
  const small = (values: ArrayLike<number>): boolean =>
    Array.prototype.every.call(values, value => Math.abs(value) < LARGEST)
  return [numbers, state, vector].every(small) ? undefined : 'out_of_range'
}

/** Keeps what a revision says, and what the head is to learn of it in `said`. @returns why not, if not */
function take(state: State, example: Example, said: Example[]): string | undefined {
  const { transition_id: transitionId, kind, revision, cumulative } = example.transition
  const known = state.rows.get(transitionId)
  if (!known && kind !== 'initial') return 'late_unlearned'
  if (known && revision < known.revision) return undefined
  for (const component of Object.keys(cumulative))
    if (!state.components.has(component)) state.components.set(component, state.components.size)
  if (known) {
    const before = known.rewards
    known.revision = revision
    known.rewards = cumulative
    said.push(retold(known, before, see(state.features, known.state)))
    state.changed.set(rowName(known), known)
  } else addRow(state, example, said)
  return undefined
}

function addRow(state: State, { transition, state: encoded, candidates, action }: Example, said: Example[]): void {
  const row: Row = {
    transitionId: transition.transition_id,
    itemId: transition.action[0],
    order: state.rows.next,
    timeMs: transition.decision_time_ms,
    weight: transition.weight,
    state: encoded,
    vector: candidates[action],
    revision: transition.revision,
    rewards: transition.cumulative,
  }
  const gone = state.rows.add(row)
  if (gone) state.changed.set(rowName(gone), undefined)
  state.changed.set(rowName(row), row)
  state.arrived++
  said.push(told(row, see(state.features, encoded), state.components.keys()))
}
