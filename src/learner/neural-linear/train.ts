/**
 * A round of gradient steps of the towers, by squared error: what they expect of the item that was shown, u·v / √E + V, is to
 * be its reward. Rows are drawn uniformly with replacement; Adam as for the two-tower policy.
 */
import { createRandom, seedOf } from '../../state/random.ts'
import type { FeatureMap } from '../linear/features.ts'
import { type AdamOptions, adamStep } from '../towers/adam.ts'
import type { Network, NetworkBatch } from '../towers/network.ts'
import type { Training } from '../towers/training.ts'
import type { Row, Rows } from './rows.ts'

export interface TrainOptions extends AdamOptions {
  readonly batchSize: number
  readonly stepsPerRound: number
  readonly seed: number
}

export interface Target {
  readonly map: FeatureMap
  /** The scalar reward of a row, in the towers' unit. */
  readonly rewardOf: (row: Row) => number
}

/** Changes the training's weights in place. @returns statistics of the last step that was made */
export function trainRound(
  network: Network,
  training: Training,
  rows: Rows,
  target: Target,
  options: TrainOptions,
): Record<string, number> {
  let stats: Record<string, number> = {}
  for (let step = 0; step < options.stepsPerRound; step++)
    stats = trainStep(network, training, rows, target, options) ?? stats
  return stats
}

/** @returns undefined when the update was not finite and nothing was changed */
function trainStep(
  network: Network,
  training: Training,
  rows: Rows,
  { map, rewardOf }: Target,
  options: TrainOptions,
): Record<string, number> | undefined {
  const random = createRandom(seedOf(`${options.seed}/draw/${++training.draws}`))
  const drawn = Array.from({ length: Math.min(options.batchSize, rows.size) }, () =>
    rows.at(Math.floor(random.uniform() * rows.size)),
  )
  let loss = 0
  const gradients = network.gradients(training.weights, batchOf(drawn, map), (logits, values) => {
    // logit and value add up to the prediction: both have the same gradient
    const gradient = Float32Array.from(drawn, (row, b) => {
      const error = logits[b] + values[b] - rewardOf(row)
      loss += (row.weight * error ** 2) / drawn.length
      return (row.weight * error) / drawn.length
    })
    return { logitGradient: gradient, valueGradient: gradient }
  })
  const norm = adamStep(training.weights, gradients, training.adam, options)
  if (norm === null) {
    training.refusedUpdates++
    return undefined
  }
  return { loss, gradient_norm: norm }
}

/** One candidate each: the one that was shown. */
function batchOf(drawn: readonly Row[], map: FeatureMap): NetworkBatch {
  const [{ vector }] = drawn
  const states = new Float32Array(drawn.length * map.dimensions)
  const items = new Float32Array(drawn.length * vector.length)
  drawn.forEach((row, b) => {
    states.set(map.apply(row.state), b * map.dimensions)
    items.set(row.vector, b * vector.length)
  })
  return { states, items, size: drawn.length, candidates: 1 }
}
