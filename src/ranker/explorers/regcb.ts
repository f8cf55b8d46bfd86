/**
 * RegCB (Foster et al. 2018, algorithms 1 and 2): the regressions whose squared error is within a slack of the least give each
 * candidate a range of rewards. For linear regressions it has a closed form: an error more by β σ² at most means
 * |θ - θ̂|_Λ <= √β σ, hence mean ± √β·deviation. β = width · ln(K (n + 1)) as in the paper's experiments, K the candidates.
 * - elimination: uniform over those whose upper bound reaches the greatest lower bound: any of them may be the best;
 * - optimistic: the greatest upper bound.
 * Later slots do the same with what is left. An ε floor gives the others a propensity.
 */
import type { Learned, Scorer } from '../../models/policy.ts'
import { type Explorer, greedyOn, kindWithFloor, mixUniform } from './explorer.ts'
import type { ConfigOf } from './schema.ts'

/** √β: half of the range in posterior deviations. */
const halfWidth = (width: number, candidates: number, learned: Learned | undefined): number =>
  Math.sqrt(width * Math.log(candidates * ((learned?.decisions ?? 0) + 1)))

const bound = ({ mean, deviation }: Scorer, deviations: number): Float64Array =>
  mean.map((value, i) => value + deviations * deviation![i])

export const regcbOptimistic = ({ width, epsilon }: ConfigOf<'regcb-optimistic'>): Explorer => ({
  name: 'regcb-optimistic',
  parameters: learned => ({ width, decisions: learned?.decisions ?? 0, epsilon }),
  propensityKind: () => kindWithFloor(epsilon),
  open: (scorer, _random, learned) => greedyOn(bound(scorer, halfWidth(width, scorer.mean.length, learned)), epsilon),
})

export const regcbElimination = ({ width, epsilon }: ConfigOf<'regcb-elimination'>): Explorer => ({
  name: 'regcb-elimination',
  parameters: learned => ({ width, decisions: learned?.decisions ?? 0, epsilon }),
  propensityKind: () => kindWithFloor(epsilon),
  open(scorer, _random, learned) {
    const half = halfWidth(width, scorer.mean.length, learned)
    const [lower, upper] = [bound(scorer, -half), bound(scorer, half)]
    return {
      conditional(available, out) {
        spreadOverSurvivors(lower, upper, available, out)
        mixUniform(available, out, epsilon)
      },
    }
  },
})

function spreadOverSurvivors(lower: Float64Array, upper: Float64Array, available: Uint8Array, out: Float64Array): void {
  let mark = Number.NEGATIVE_INFINITY
  for (let i = 0; i < lower.length; i++) if (available[i] === 1 && lower[i] > mark) mark = lower[i]
  let survivors = 0
  for (let i = 0; i < upper.length; i++) {
    out[i] = available[i] === 1 && upper[i] >= mark ? 1 : 0
    survivors += out[i]
  }
  for (let i = 0; i < upper.length; i++) out[i] /= survivors
}
