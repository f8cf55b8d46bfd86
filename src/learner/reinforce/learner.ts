/**
 * Top-K off-policy REINFORCE (Chen et al. 2019) from a buffer, in one of two modes (objective.ts): slates as we draw them,
 * or items of logs drawn with replacement. A slate is learned once all its slots are here. Importance weights correct for
 * the choice that is learned only, not for those after it in the session (the paper's first-order approximation).
 */
import { FeedloopError } from '../../errors.ts'
import { createRandom, type Random, seedOf } from '../../state/random.ts'
import { meanLag } from '../gradient/lag.ts'
import { type GradientOptions, gradientLearner, parameterOf } from '../gradient/learner.ts'
import type { Batch, Method, Now } from '../gradient/method.ts'
import { unweighable } from '../gradient/propensities.ts'
import { createScale } from '../gradient/scale.ts'
import type { Example, Learner } from '../learner.ts'
import { type Buffer, createBuffer, type Entry } from '../replay/buffer.ts'
import { segmentFrom } from '../replay/segments.ts'
import { createSlateRewards } from '../replay/slate-rewards.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import { stateValue } from '../towers/towers.ts'
import { type Behaviour, createBehaviour } from './behaviour.ts'
import { modes, objective, type Shown } from './objective.ts'
import type { ReinforceConfig } from './schema.ts'
import { type Choice, drawsOf, earned, isPinned, type Kept, slotsOf } from './slates.ts'
import { returnOf } from './targets.ts'

/** `bootstraps`: the policy discounts what comes after. */
export type ReinforceOptions = ReinforceConfig & GradientOptions & { readonly bootstraps: boolean }

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createReinforceLearner = async (options: ReinforceOptions): Promise<Learner> =>
  reinforceLearner(options, await loadTensorFlow())

export const reinforceLearner = (options: ReinforceOptions, tensorflow: TensorFlow): Learner =>
  gradientLearner(options, tensorflow, reinforceMethod(options))

function reinforceMethod(options: ReinforceOptions): Method {
  const { mode, batchSize, stepsPerBatch, seed } = options
  const buffer = createBuffer(options.bufferSize, options.bootstraps)
  const wholes = createSlateRewards(options.bufferSize)
  const scale = createScale('advantage_square')
  const behaviour = options.behaviour ? createBehaviour(options) : undefined
  const batch = (slates: readonly Choice[][], now: Now): Batch => {
    const choices = slates.flat()
    const estimated = behaviour ? estimate(behaviour, choices, now) : new Map<Choice, number>()
    const shown = slates.map(slate => {
      const target = returnFrom({ buffer, wholes }, slate[0].entry, now, options)
      return slate.map(choice =>
        shownOf(choice, target, estimated.get(choice) ?? propensityOf(choice.entry.example, mode)),
      )
    })
    const examples = choices.map(({ entry }) => entry.example)
    return {
      decisions: choices,
      loss(logits, values) {
        const result = objective(mode, shown, logits, values, {
          ...options,
          advantageScale: scale.size,
          valueUnit: now.valueUnit,
        })
        scale.observe(result.advantages)
        return { ...result, stats: { ...result.stats, policy_lag: meanLag(examples, now.version) } }
      },
    }
  }
  const take = (example: Example): string | undefined =>
    refusal(example, options) ?? (buffer.put(example) < 0 ? 'late_unlearned' : undefined)
  return {
    algorithm: 'reinforce',
    take,
    takeSlate: wholes.take,
    *batches(taken, now) {
      for (let left = stepsPerBatch * Math.ceil(taken / batchSize); left > 0; left--) {
        const random = createRandom(seedOf(`${seed}/draw/${now.draws() + 1}`))
        const slates = drawSlates(buffer, random, Math.min(batchSize, buffer.size), mode)
        if (slates.length > 0) yield batch(slates, now)
      }
    },
    recall: take,
    holds: id => buffer.holds(id) || wholes.holds(id),
    stats: () => ({ buffer: buffer.size, ...behaviour?.stats() }),
    snapshot() {
      const own = behaviour?.snapshot() ?? { parameters: {}, tensors: [] }
      return { parameters: { ...own.parameters, ...scale.snapshot(), mode: modeNumber(mode) }, tensors: own.tensors }
    },
    restore(model) {
      if (parameterOf(model, 'mode') !== modeNumber(mode))
        throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: learned in another mode than ${mode}`)
      scale.restore(model)
      behaviour?.restore(model)
    },
  }
}

type Mode = keyof typeof modes
const modeNumber = (mode: Mode): number => Object.keys(modes).indexOf(mode)

/** Given the slots before, or of one draw. */
const propensityOf = ({ transition }: Example, mode: Mode): number =>
  mode === 'slate' ? transition.propensity : transition.first_draw_propensity

/** A slate's pinned slots are kept for what they earned. */
function refusal(example: Example, { mode, behaviour }: ReinforceOptions): string | undefined {
  if (mode === 'slate' && isPinned(example)) return undefined
  if (behaviour && isUnknown(example)) return undefined
  return unweighable(example, propensityOf(example, mode))
}

/** A choice of which nobody says how probable it was. */
const isUnknown = (example: Example): boolean => example.transition.propensity_kind !== 'exact' && !isPinned(example)

/** About `rows` choices, those of a slate together, none twice. */
function drawSlates(buffer: Buffer, random: Random, rows: number, mode: Mode): Choice[][] {
  const taken = new Set<Entry>()
  const slates: Choice[][] = []
  for (let draws = rows; draws > 0 && taken.size < rows; draws--) {
    const [first] = buffer.sample(random, 1)
    if (!first || taken.has(first)) continue
    const slots = mode === 'slate' ? slotsOf(buffer, first) : [first]
    for (const entry of slots) taken.add(entry)
    const choices = drawsOf(slots)
    if (choices.length > 0) slates.push(choices)
  }
  return slates
}

/** @returns β of the choices whose propensities are not known */
function estimate(behaviour: Behaviour, choices: readonly Choice[], now: Now): Map<Choice, number> {
  const unknown = choices.filter(({ entry }) => isUnknown(entry.example))
  if (unknown.length === 0) return new Map()
  const logged = unknown.map(choice => ({ ...choice, weight: choice.entry.example.transition.weight }))
  behaviour.learn(logged, now)
  const estimates = behaviour.estimate(logged, now)
  return new Map(unknown.map((choice, i) => [choice, estimates[i]]))
}

/** Of the slate that the entry is in, or of its item, and all that came after. */
function returnFrom(kept: Kept, first: Entry, { weights }: Now, { mode, horizon }: ReinforceOptions): number {
  const segment = segmentFrom(kept.buffer, first, horizon)
  const steps = segment.map((entry, t) => ({
    reward: mode === 'item' && t === 0 ? entry.reward : earned(kept, entry),
    discount: entry.discount ?? 0,
  }))
  const { discount, nextState } = segment[segment.length - 1]
  return returnOf(steps, discount && nextState ? stateValue(weights, nextState) : 0)
}

const shownOf = ({ entry: { example }, action, candidates }: Choice, target: number, propensity: number): Shown => ({
  action,
  candidates: candidates.length,
  weight: example.transition.weight,
  slots: example.transition.slots,
  propensity,
  target,
})
