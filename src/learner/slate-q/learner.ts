/**
 * SlateQ (targets.ts) by the two towers with two heads a candidate: how attractive it is, and what it is worth once taken. Learns
 * from slates whoever showed them, since choices are modelled and not weighed: no propensities are needed. What comes after
 * is worth the best slate of the next candidates (Q-learning), or the slate that was shown (SARSA: the worth of who
 * logged), both by a target network.
 */
import { createRandom, seedOf } from '../../state/random.ts'
import { networkBatch } from '../gradient/batch.ts'
import { type GradientOptions, gradientLearner } from '../gradient/learner.ts'
import type { Batch, Method, Now, Seen } from '../gradient/method.ts'
import { withoutChoice } from '../gradient/next-candidates.ts'
import { createTargetNetwork } from '../gradient/target-network.ts'
import type { Example, Learner } from '../learner.ts'
import type { Buffer } from '../replay/buffer.ts'
import { createReplay } from '../replay/replay.ts'
import { createSlateRewards, type SlateRewards } from '../replay/slate-rewards.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import type { Parameters } from '../towers/parameters.ts'
import { objective } from './objective.ts'
import { type Slate, shownBy, slateOf } from './slates.ts'
import { bestValue, itemsOf, type Search, slateValue } from './targets.ts'

/** `bootstraps`: the policy discounts what comes after. */
export interface SlateQOptions extends Omit<GradientOptions, 'heads'> {
  readonly batchSize: number
  readonly bufferSize: number
  readonly stepsPerBatch: number
  readonly bootstraps: boolean
  /** Of the next decision: its best slate, or the one it showed. */
  readonly next: 'max' | 'sarsa'
  /** How the best slate is found, in targets and when it serves. */
  readonly search: Search
  readonly targetCopySteps: number
  readonly valueLoss: number
  readonly huber: number
  readonly maxAgeMs: number
  /** An outcome of which components is a choice: a click. Others, a view, say, are not. */
  readonly isTaken: (component: string) => boolean
}

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createSlateQLearner = async (options: SlateQOptions): Promise<Learner> =>
  slateQLearner(options, await loadTensorFlow())

export function slateQLearner(options: SlateQOptions, tensorflow: TensorFlow): Learner {
  const shaped = { ...options, heads: 2 }
  return gradientLearner(shaped, tensorflow, slateQMethod(shaped))
}

function slateQMethod(options: SlateQOptions & { readonly heads: number }): Method {
  const { batchSize, stepsPerBatch, seed } = options
  const replay = createReplay(options)
  const wholes = createSlateRewards(options.bufferSize)
  const target = createTargetNetwork(options, options.targetCopySteps)
  /** Most slots of a slate that was learned: a version's scores are made for so many. */
  let slots = 1
  const batch = (known: readonly Continued[], now: Now): Batch => {
    const copy = target.weights(now)
    const lag = { target_lag: target.lag(now) }
    const worth = nextWorth(known, now, copy, options)
    const items = known.map(({ slate }, b) => ({
      slots: slate.candidates.length,
      taken: slate.taken,
      target: slate.reward + (slate.first.discount ?? 0) * worth[b],
      weight: slate.weight,
    }))
    return {
      decisions: known.map(({ slate }) => slate),
      loss(logits, values) {
        const { stats, ...gradients } = objective(items, { logits, values }, options)
        return { ...gradients, stats: { ...stats, ...lag } }
      },
    }
  }
  const refusal = (example: Example): string | undefined =>
    options.next === 'max' ? withoutChoice(example) : undefined
  return {
    algorithm: 'slate-q',
    usesNextCandidates: options.next === 'max',
    take: example => refusal(example) ?? replay.take(example),
    takeSlate: wholes.take,
    *batches(taken, now) {
      for (let left = stepsPerBatch * Math.ceil(taken / batchSize); left > 0; left--) {
        const random = createRandom(seedOf(`${seed}/draw/${now.draws() + 1}`))
        const drawn = replay.draw(random, batchSize, now.draws())
        const known = drawn.flatMap(
          ({ entry }) => continued({ buffer: replay.buffer, wholes }, entry.example.transition, options) ?? [],
        )
        for (const { slate } of known) slots = Math.max(slots, slate.candidates.length)
        if (known.length > 0) yield batch(known, now)
      }
    },
    recall: example => void (refusal(example) ?? replay.recall(example)),
    holds: id => replay.buffer.holds(id) || wholes.holds(id),
    dropped: replay.dropped,
    stats: replay.stats,
    snapshot(now) {
      const { parameters, tensors } = target.snapshot(now)
      const exact = Number(options.search === 'exact')
      return { parameters: { ...parameters, ...replay.parameters(), slots, exact }, tensors }
    },
    restore(model) {
      target.restore(model)
      replay.restore(model.parameters)
      slots = model.parameters.slots
    },
  }
}

/** A slate and the decision after it, of which the best is taken or what it showed; null: nothing comes after. */
interface Continued {
  readonly slate: Slate
  readonly next: Seen | null
}

/** @returns undefined when the slate, or the one after it, is not whole here */
function continued(
  kept: { readonly buffer: Buffer; readonly wholes: SlateRewards },
  transition: { readonly decision_id: string; readonly slots: number },
  { next, isTaken }: SlateQOptions,
): Continued | undefined {
  const slate = slateOf(kept, transition, isTaken)
  if (!slate) return undefined
  const { discount, nextState: state, nextCandidates, nextDecisionId } = slate.first
  if (!discount || !state) return { slate, next: null }
  const candidates = next === 'max' ? nextCandidates : shownBy(kept.buffer, nextDecisionId)
  return candidates ? { slate, next: { state, candidates } } : undefined
}

/** What comes after each slate is worth, by one pass of the target network; 0 when nothing does. */
function nextWorth(
  known: readonly Continued[],
  { network }: Now,
  target: Parameters,
  options: SlateQOptions & { readonly heads: number },
): Float64Array {
  const decisions = known.flatMap(({ next }) => next ?? [])
  const worth = new Float64Array(known.length)
  if (decisions.length === 0) return worth
  const heads = network.forward(target, networkBatch(decisions, options))
  let row = 0
  known.forEach(({ slate, next }, b) => {
    if (!next) return
    const items = itemsOf(heads, row++, next.candidates.length)
    worth[b] =
      options.next === 'max'
        ? bestValue(items, slate.candidates.length, options.search)
        : slateValue(items, [...next.candidates.keys()])
  })
  return worth
}
