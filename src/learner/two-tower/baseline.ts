/**
 * What an outcome is compared with before it pulls the policy: b(s) = ȳ + λ (V(s) − V̄). Replay comes back to a decision many
 * times, and no other may ever have its state: a critic that has its outcome by heart says V(s) = y, and y − V(s) = 0 has
 * nothing left to teach. So the critic counts only as far as it foretells what it did not learn: of one transition in
 * HELD_OUT the value is never learned, and on those
 *   λ = Cov(y, V) / Var(V), within [0, 1],
 * the coefficient of a control variate by regression (Owen 2013, "Monte Carlo theory, methods and examples", chapter 8). With
 * λ = 0 rewards are compared with ȳ, what those who logged earned: a constant (Williams 1992, REINFORCE). A b(s) that does
 * not know the choice leaves the gradient unbiased.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { seedOf } from '../../state/random.ts'
import { parameterOf } from '../gradient/learner.ts'

const HELD_OUT = 4
/** Weight of the newest batch in the running means: short, since V moves with each step. */
const RATE = 0.1

/** The critic does not learn this transition's value, ever: its id alone says so, before and after a restart. */
export const isHeldOut = (transitionId: string): boolean => seedOf(`held-out/${transitionId}`) % HELD_OUT === 0

/** A decision of a batch that was learned. */
export interface Outcome {
  /** y = r + γ V(s'). */
  readonly outcome: number
  /** V(s). */
  readonly value: number
  /** Its transition's. */
  readonly weight: number
  readonly heldOut: boolean
}

/** Running means of weighted sums: of all decisions, and of those held out. */
const names = [
  'weight',
  'outcome',
  'value',
  'held_weight',
  'held_outcome',
  'held_value',
  'held_square',
  'held_product',
] as const
type Sums = Record<(typeof names)[number], number>
const GROUP = 'baseline_'

export interface Baseline {
  /** The critic does not learn this transition's value, ever. */
  isHeldOut(transitionId: string): boolean
  /** λ, in [0, 1]; 0 while nothing is known. */
  readonly share: number
  /** b(s). @param value V(s) */
  of(value: number): number
  observe(outcomes: readonly Outcome[]): void
  snapshot(): Record<string, number>
  /** A version that states none was made before it was kept: it begins anew. @throws FeedloopError MODEL_INCOMPATIBLE */
  restore(model: ModelVersion): void
}

export function createBaseline(): Baseline {
  let sums = mapSums(() => 0)
  return {
    isHeldOut,
    get share() {
      return shareOf(sums)
    },
    of: value =>
      sums.weight > 0 ? (sums.outcome + shareOf(sums) * (value * sums.weight - sums.value)) / sums.weight : 0,
    observe(outcomes) {
      const batch = sumsOf(outcomes)
      // the step of such a batch is refused
      if (!names.every(name => Number.isFinite(batch[name]))) return
      const rate = sums.weight > 0 ? RATE : 1
      sums = mapSums(name => sums[name] + rate * (batch[name] - sums[name]))
    },
    snapshot: () => Object.fromEntries(names.map(name => [GROUP + name, sums[name]])),
    restore(model) {
      const stated = Object.hasOwn(model.parameters, `${GROUP}weight`)
      sums = mapSums(name => (stated ? parameterOf(model, GROUP + name) : 0))
      if (sums.weight < 0 || sums.held_weight < 0)
        throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: a weight of the baseline is negative`)
    },
  }
}

/** b = V: the critic learns every value and is asked in full. */
export const criticInFull: Baseline = {
  isHeldOut: () => false,
  share: 1,
  of: value => value,
  observe() {},
  snapshot: () => ({}),
  restore() {},
}

const mapSums = (of: (name: keyof Sums) => number): Sums =>
  Object.fromEntries(names.map(name => [name, of(name)])) as Sums

function sumsOf(outcomes: readonly Outcome[]): Sums {
  const sums = mapSums(() => 0)
  for (const { outcome, value, weight, heldOut } of outcomes) {
    sums.weight += weight / outcomes.length
    sums.outcome += (weight * outcome) / outcomes.length
    sums.value += (weight * value) / outcomes.length
    if (!heldOut) continue
    sums.held_weight += weight / outcomes.length
    sums.held_outcome += (weight * outcome) / outcomes.length
    sums.held_value += (weight * value) / outcomes.length
    sums.held_square += (weight * value * value) / outcomes.length
    sums.held_product += (weight * value * outcome) / outcomes.length
  }
  return sums
}

/** λ. */
function shareOf({ held_weight: w, held_outcome: y, held_value: v, held_square: vv, held_product: vy }: Sums): number {
  const variance = w * vv - v * v
  return variance > 0 ? Math.min(1, Math.max(0, (w * vy - v * y) / variance)) : 0
}
