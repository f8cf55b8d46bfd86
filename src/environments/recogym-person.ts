/**
 * RecoGym v1 (Rohde et al., arXiv 1808.00720), written from its formulae. People look at products by themselves
 * ("organic") and are shown one product at a time ("bandit"); both follow the same hidden taste omega, but clicks use
 * product vectors that are permuted among correlated products (*flips*), so that showing what was viewed most is wrong.
 * Organic: views a product ~ softmax(gamma omega + mu), then stays organic .74 (and omega += N(0, .1^2)), becomes bandit
 * .25, leaves .01. Bandit: is shown product a and clicks with f(beta_a omega + mu_a); after a click organic, else
 * organic .05, leaves .01 (RecoGym's prob_leave_bandit, which may be set), stays otherwise. What a policy may see are the views; clicks and omega are the environment's.
 */
import type { Random } from '../state/random.ts'
import type { World } from './recogym-world.ts'

const OMEGA_SD = 0.1
const organicMoves = { organic: 0.74, bandit: 0.25 } // else leaves
const BANDIT_TO_ORGANIC = 0.05
/** Probability of leaving after what was not clicked. */
const LEAVE_BANDIT = 0.01

export type Phase = 'organic' | 'bandit' | 'gone'

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** f of the paper's section 3: true click probability from the affinity. */
export const clickProbability = (affinity: number): number => sigmoid(5 * sigmoid(2 * sigmoid(0.3 * affinity) - 2) - 6)

/** A person in a world: the hidden taste and the phase. */
export class Person {
  phase: Phase = 'organic'
  readonly world: World
  readonly random: Random
  readonly #omega: Float64Array
  readonly #leaveBandit: number
  constructor(world: World, random: Random, leaveBandit = LEAVE_BANDIT) {
    this.#leaveBandit = leaveBandit
    this.world = world
    this.random = random
    this.#omega = Float64Array.from(world.gamma[0], () => random.normal())
  }

  /** Probability of a click on product `a` if shown now. */
  clickProbability(a: number): number {
    const source = this.world.permutation[a]
    return clickProbability(this.#affinity(source))
  }

  #affinity(product: number): number {
    const row = this.world.gamma[product]
    let sum = this.world.muOrganic[product]
    for (let k = 0; k < row.length; k++) sum += row[k] * this.#omega[k]
    return sum
  }

  /** Views products until bandit or gone. */
  browse(): number[] {
    const views: number[] = []
    while (this.phase === 'organic') {
      views.push(this.#view())
      const u = this.random.uniform()
      if (u < organicMoves.organic) this.#drift()
      else this.phase = u < organicMoves.organic + organicMoves.bandit ? 'bandit' : 'gone'
    }
    return views
  }

  #drift(): void {
    for (let k = 0; k < this.#omega.length; k++) this.#omega[k] += OMEGA_SD * this.random.normal()
  }

  #view(): number {
    const logits = this.world.gamma.map((_, product) => this.#affinity(product))
    const top = Math.max(...logits)
    const weights = logits.map(logit => Math.exp(logit - top))
    let left = this.random.uniform() * weights.reduce((sum, weight) => sum + weight, 0)
    let product = 0
    while (product < weights.length - 1 && left >= weights[product]) left -= weights[product++]
    return product
  }

  /** Is shown product `a`; whether it is clicked. */
  show(a: number): boolean {
    const clicked = this.random.uniform() < this.clickProbability(a)
    const u = this.random.uniform()
    if (clicked || u < BANDIT_TO_ORGANIC) this.phase = 'organic'
    else if (u >= 1 - this.#leaveBandit) this.phase = 'gone'
    return clicked
  }
}
