/**
 * Proximal policy optimisation (Schulman et al. 2017, algorithm 1) from the stream. Fresh transitions wait until a round's
 * worth of them is in segments whose end is known; advantages and value targets are computed once (targets.ts), some epochs
 * of minibatches are taken (objective.ts) and the transitions are gone. A round ends early at the first minibatch whose
 * policy has moved too far from who decided, `kl_bound`. On policy: what an old version decided is dropped, `stale`.
 */
import { createRandom, type Random, seedOf } from '../../state/random.ts'
import { type ImitationOptions, withImitation } from '../gradient/imitation.ts'
import { meanLag } from '../gradient/lag.ts'
import { type GradientOptions, gradientLearner } from '../gradient/learner.ts'
import type { Batch, Method, Now } from '../gradient/method.ts'
import { isSlate, unweighable } from '../gradient/propensities.ts'
import type { Example, Learner } from '../learner.ts'
import type { Entry } from '../replay/buffer.ts'
import { createFresh } from '../replay/fresh.ts'
import { loadTensorFlow, type TensorFlow } from '../tensorflow.ts'
import type { Parameters } from '../towers/parameters.ts'
import { stateValue } from '../towers/towers.ts'
import { objective, type Step } from './objective.ts'
import type { PpoConfig } from './schema.ts'
import { gae, standardise } from './targets.ts'

/** `bootstraps`: the policy discounts what comes after. */
export type PpoOptions = PpoConfig & GradientOptions & Pick<ImitationOptions, 'bootstraps'>

/** @throws FeedloopError BACKEND_UNAVAILABLE */
export const createPpoLearner = async (options: PpoOptions): Promise<Learner> =>
  ppoLearner(options, await loadTensorFlow())

export function ppoLearner(options: PpoOptions, tensorflow: TensorFlow): Learner {
  const method = ppoMethod(options)
  const imitation = { ...options, stepsPerBatch: options.epochs }
  return gradientLearner(options, tensorflow, options.imitate ? withImitation(method, imitation) : method)
}

/** A decision of a round. */
interface Kept {
  readonly entry: Entry
  readonly step: Step
}

function ppoMethod(options: PpoOptions): Method {
  const fresh = createFresh({ ...options, capacity: options.bufferSize, most: options.segmentLength })
  return {
    algorithm: 'ppo',
    onPolicy: true,
    take(example, { version }) {
      return refusal(example) ?? fresh.take(example, version)
    },
    recall: example => void (refusal(example) ?? fresh.recall(example)),
    holds: fresh.holds,
    left: fresh.left,
    pass: fresh.pass,
    dropped: fresh.dropped,
    *batches(_taken, now) {
      const segments = fresh.segments(now.version)
      if (segments.flat().length < options.roundSize) return
      fresh.remove(segments)
      const round = roundOf(segments, now.weights, options.lambda)
      const random = createRandom(seedOf(`${options.seed}/round/${now.draws() + 1}`))
      for (const kept of minibatches(round, random, options)) {
        const batch = batchOf(kept, now, options)
        yield batch
        if (batch.ended()) return
      }
    },
    stats: fresh.stats,
    snapshot: () => ({ parameters: {}, tensors: [] }),
    restore() {},
  }
}

const refusal = (example: Example): string | undefined => (isSlate(example) ? 'slate' : unweighable(example))

/** Advantages and targets by the values of now, which the whole round keeps. */
function roundOf(segments: readonly Entry[][], weights: Parameters, lambda: number): Kept[] {
  const estimates = segments.map(entries => {
    const { discount, nextState } = entries[entries.length - 1]
    const values = entries.map(({ example }) => stateValue(weights, example.state))
    const advantages = gae(
      {
        rewards: entries.map(({ reward }) => reward),
        discounts: entries.map(each => each.discount ?? 0),
        values,
        nextValue: discount && nextState ? stateValue(weights, nextState) : 0,
      },
      lambda,
    )
    return { advantages, targets: advantages.map((advantage, t) => advantage + values[t]) }
  })
  const advantages = standardise(Float64Array.from(estimates.flatMap(each => [...each.advantages])))
  const targets = estimates.flatMap(each => [...each.targets])
  return segments.flat().map((entry, i) => ({
    entry,
    step: {
      action: entry.example.action,
      candidates: entry.example.candidates.length,
      weight: entry.example.transition.weight,
      propensity: entry.example.transition.first_draw_propensity,
      advantage: advantages[i],
      target: targets[i],
    },
  }))
}

/** All of the round in a new order, epoch by epoch. */
function* minibatches(round: readonly Kept[], random: Random, { epochs, batchSize }: PpoOptions): Generator<Kept[]> {
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(round, random)
    for (let from = 0; from < order.length; from += batchSize) yield order.slice(from, from + batchSize)
  }
}

/** Fisher and Yates (1938). */
function shuffled<T>(values: readonly T[], random: Random): T[] {
  const order = values.slice()
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1))
    const moved = order[i]
    order[i] = order[j]
    order[j] = moved
  }
  return order
}

function batchOf(kept: readonly Kept[], now: Now, options: PpoOptions): Batch & { ended(): boolean } {
  const steps = kept.map(({ step }) => step)
  const decisions = kept.map(({ entry }) => entry.example)
  let ended = false
  return {
    decisions,
    loss(logits, values) {
      const result = objective(steps, logits, values, { ...options, valueUnit: now.valueUnit })
      ended = result.refused !== undefined
      return { ...result, stats: { ...result.stats, policy_lag: meanLag(decisions, now.version) } }
    },
    ended: () => ended,
  }
}
