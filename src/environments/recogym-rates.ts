/** What needs no learning, and what knows everything, in a RecoGym world: the marks between which a policy is scored. */
import { createRandom, seedOf } from '../state/random.ts'
import type { Rates, Returns } from './environment.ts'
import { Person } from './recogym-person.ts'
import type { World } from './recogym-world.ts'

type Rule = (person: Person, views: Float64Array) => number

/** Means of the true click probability over `decisions` bandit steps of each rule's own run: a click sends a person back
 * to browsing, so the states met depend (a little) on the rule. */
export function computeRates(world: World, decisions: number, leaveBandit?: number): Rates {
  const uniform = run(world, decisions, atRandom, leaveBandit)
  const fixed = indexOfMax(uniform.byProduct)
  const rate = (rule: Rule): number => run(world, decisions, rule, leaveBandit).mean
  return {
    random: uniform.mean,
    bestFixed: rate(() => fixed),
    popularity: rate((_, views) => indexOfMax(views)),
    oracle: rate(knowingAll),
    how: `means of the true click probability over ${decisions} decisions of each rule, seed 1`,
  }
}

/** Of a session: clicks are what keeps people, so the best product now is the best for what comes, too. */
export function computeReturns(world: World, decisions: number, leaveBandit?: number): Returns {
  const returns = (rule: Rule): number => {
    const { mean, sessions } = run(world, decisions, rule, leaveBandit)
    return (mean * decisions) / sessions
  }
  const how = `mean true clicks of a session over ${decisions} decisions, seed 1; optimum: the best product for who knows omega`
  return { random: returns(atRandom), optimum: returns(knowingAll), how }
}

const atRandom: Rule = ({ random, world }) => Math.floor(random.uniform() * world.products)
const knowingAll: Rule = person =>
  indexOfMax(Float64Array.from(person.world.gamma, (_, a) => person.clickProbability(a)))

/** Sessions without a decision are none. */
function run(world: World, decisions: number, rule: Rule, leaveBandit?: number) {
  const byProduct = new Float64Array(world.products)
  let sum = 0
  let made = 0
  let sessions = 0
  for (let index = 0; made < decisions; index++) {
    const person = new Person(world, createRandom(seedOf(`rates/1/${index}`)), leaveBandit)
    const before = made
    const views = new Float64Array(world.products)
    for (;;) {
      for (const product of person.browse()) views[product]++
      if (person.phase === 'gone' || made === decisions) break
      const shown = rule(person, views)
      sum += person.clickProbability(shown)
      for (let a = 0; a < world.products; a++) byProduct[a] += person.clickProbability(a)
      person.show(shown)
      made++
    }
    if (made > before) sessions++
  }
  return { mean: sum / decisions, byProduct, sessions }
}

function indexOfMax(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}
