/**
 * The smallest learner: what others chose is imitated by the classifier of states (classifier.ts), each decision once, in batches in
 * order of arrival. Items are its classes, the first `maxActions` that are seen; class 0 is any other. It looks at no vector and at no
 * reward, so of a transition the first revision teaches and the others change nothing. What a policy itself chose is refused,
 * `own_choice`: to imitate one's own draws is a random walk.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { parameterOf } from '../gradient/learner.ts'
import type { Example, Learner } from '../learner.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import { isFiniteArray } from '../tensors.ts'
import { ACTION, actionsOf, OTHER } from './actions.ts'
import { createClassifier } from './classifier.ts'
import type { Labelled } from './network.ts'
import type { ClassifierConfig } from './schema.ts'

export interface ClassifierLearnerOptions extends ClassifierConfig {
  readonly stateDimensions: number
}

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createClassifierLearner = async (options: ClassifierLearnerOptions): Promise<Learner> =>
  classifierLearner(options, await loadTensorFlow())

export function classifierLearner(options: ClassifierLearnerOptions, tensorflow: TensorFlow): Learner {
  const { stateDimensions, maxActions, batchSize } = options
  const classifier = createClassifier({ ...options, inputs: stateDimensions, actions: maxActions + 1 }, tensorflow)
  let classes = new Map<string, number>()
  const counters = { updates: 0, refused_updates: 0 }
  const classOf = (itemId: string): number => {
    if (!classes.has(itemId) && classes.size < maxActions) classes.set(itemId, classes.size + 1)
    return classes.get(itemId) ?? OTHER
  }
  const step = (batch: readonly Example[]): number => {
    const loss = classifier.train(labelled(batch, stateDimensions, classOf))
    counters[Number.isFinite(loss) ? 'updates' : 'refused_updates']++
    return loss
  }
  return {
    algorithm: 'classifier',
    revisions: 'replace',
    usesCandidates: false,
    learn(examples) {
      const refused: Record<string, number> = {}
      const taken = examples.filter(example => {
        const reason = refusal(example, stateDimensions)
        if (reason) refused[reason] = (refused[reason] ?? 0) + 1
        return !reason
      })
      const choices = taken.filter(({ transition }) => transition.kind === 'initial')
      let stats: Record<string, number> = {}
      for (let from = 0; from < choices.length; from += batchSize) {
        const loss = step(choices.slice(from, from + batchSize))
        if (Number.isFinite(loss)) stats = { imitation_loss: loss }
      }
      return { learned: taken.length, refused, stats: { ...stats, ...counters } }
    },
    snapshot() {
      const { parameters, ...rest } = classifier.snapshot()
      const actions = Object.fromEntries([...classes].map(([itemId, index]) => [ACTION + itemId, index]))
      return { ...rest, parameters: { ...parameters, ...counters, ...actions } }
    },
    restore(model: ModelVersion) {
      classifier.restore(model)
      counters.updates = parameterOf(model, 'updates')
      counters.refused_updates = parameterOf(model, 'refused_updates')
      classes = actionsOf(model, maxActions)
    },
  }
}

const labelled = (batch: readonly Example[], inputs: number, classOf: (itemId: string) => number): Labelled => {
  const states = new Float32Array(batch.length * inputs)
  batch.forEach(({ state }, b) => {
    states.set(state, b * inputs)
  })
  return {
    states,
    actions: Int32Array.from(batch, ({ transition }) => classOf(transition.action[0])),
    weights: Float32Array.from(batch, ({ transition }) => transition.weight),
  }
}

/** The same for every revision of a transition. */
function refusal({ transition, state }: Example, dimensions: number): string | undefined {
  const { slot, action, mode, chosen_by, weight } = transition
  if (slot < 0 || action.length !== 1) return 'slate'
  if (mode === 'online') return 'own_choice'
  if (chosen_by === 'pinned') return 'pinned'
  if (state.length !== dimensions) return 'dimensions'
  return isFiniteArray(state) && Number.isFinite(weight) ? undefined : 'not_finite'
}
