/**
 * Off-policy REINFORCE for what is shown together (Chen et al. 2019, "Top-K off-policy correction for a REINFORCE recommender
 * system"), its gradient at logits and values: of a row −w A/σ log π(a) + c ½ ((V − R)/σ_v)² − β H(π), A = R − V. V is that of who
 * logged: a baseline, which changes no expectation. Two modes that are answers to two kinds of logs:
 *
 * - slate: ours, drawn slot by slot without replacement (Plackett 1975). π(a) is that of the slot given the slots before, so
 *   the product over slots is the slate's probability, w = min(Π_k π_k/β_k, cap) of the whole slate, R what all its slots
 *   earned: the gradient of the expected reward of our slates whatever people do with them, exact without the cap.
 * - item: K items drawn independently, with replacement. π and β are those of one draw, R what the item earned,
 *   w = min(π/β, cap) λ_K with λ_K = ∂P(item among K draws)/∂π = K (1 − π)^(K − 1) (eq. 7).
 *
 * λ_K on slates without replacement is the gradient of another reward than ours: a test enumerates it.
 */
import { actorCriticLoss, policiesOf, type Row, type Weights } from '../gradient/actor-critic.ts'
import { importanceStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'

export interface Shown extends Row {
  /** β(a), logged or estimated: of the slot given those before, or of one draw. */
  readonly propensity: number
  /** R. */
  readonly target: number
  /** K: items drawn together. */
  readonly slots: number
}

export interface ObjectiveOptions extends Weights {
  readonly maxImportanceWeight: number
  /** σ. */
  readonly advantageScale: number
}

export interface ObjectiveResult extends Loss {
  /** A, [B]. */
  readonly advantages: Float64Array
}

type Slates = readonly (readonly Shown[])[]

interface Mode {
  /** π/β by which each row is weighed, from the rows' own. */
  ratios(slates: Slates, own: Float64Array): Float64Array
  factor(probability: number, slots: number): number
}

/** λ_K. */
export const lambda = (probability: number, slots: number): number => slots * (1 - probability) ** (slots - 1)

export const modes = {
  slate: { ratios: productsOf, factor: () => 1 },
  item: { ratios: (_slates, own) => own, factor: lambda },
} as const satisfies Record<string, Mode>

/** @param slates consecutive rows of the batch, those of a slate together @param logits [B, K] row-major @param values [B] */
export function objective(
  mode: keyof typeof modes,
  slates: Slates,
  logits: Float32Array,
  values: Float32Array,
  options: ObjectiveOptions,
): ObjectiveResult {
  const rows = slates.flat()
  const { ratios: together, factor }: Mode = modes[mode]
  const policies = policiesOf(rows, logits)
  const ratios = together(
    slates,
    Float64Array.from(rows, ({ propensity }, b) => policies.chosen[b] / propensity),
  )
  const targets = Float64Array.from(rows, ({ target }) => target)
  const advantages = targets.map((target, b) => target - values[b])
  const pulls = Float64Array.from(rows, ({ slots }, b) => {
    const weight = Math.min(ratios[b], options.maxImportanceWeight) * factor(policies.chosen[b], slots)
    return weight * (advantages[b] / options.advantageScale)
  })
  const loss = actorCriticLoss(rows, policies, values, { pulls, targets }, options)
  return { ...loss, advantages, stats: { ...loss.stats, ...importanceStats(ratios, options.maxImportanceWeight) } }
}

function productsOf(slates: Slates, own: Float64Array): Float64Array {
  const products = new Float64Array(own.length)
  let from = 0
  for (const { length } of slates) {
    const to = from + length
    products.fill(
      own.subarray(from, to).reduce((product, each) => product * each, 1),
      from,
      to,
    )
    from = to
  }
  return products
}
