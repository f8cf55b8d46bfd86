/** What needs no learning, and what knows everything, in a RecoGym world: the marks between which a policy is scored. */
import { createRandom, seedOf } from '../state/random.ts'
import type { Rates } from './environment.ts'
import { Person } from './recogym-person.ts'
import type { World } from './recogym-world.ts'

type Rule = (person: Person, views: Float64Array) => number

/** Means of the true click probability over `decisions` bandit steps of each rule's own run: a click sends a person back
 * to browsing, so the states met depend (a little) on the rule. */
export function computeRates(world: World, decisions: number): Rates {
  const uniform = run(world, decisions, person => Math.floor(person.random.uniform() * world.products))
  const fixed = indexOfMax(uniform.byProduct)
  const rate = (rule: Rule): number => run(world, decisions, rule).mean
  return {
    random: uniform.mean,
    bestFixed: rate(() => fixed),
    popularity: rate((_, views) => indexOfMax(views)),
    oracle: rate(person => indexOfMax(Float64Array.from(world.gamma, (_, a) => person.clickProbability(a)))),
    how: `means of the true click probability over ${decisions} decisions of each rule, seed 1`,
  }
}

function run(world: World, decisions: number, rule: Rule): { mean: number; byProduct: Float64Array } {
  const byProduct = new Float64Array(world.products)
  let sum = 0
  let made = 0
  for (let index = 0; made < decisions; index++) {
    const person = new Person(world, createRandom(seedOf(`rates/1/${index}`)))
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
  }
  return { mean: sum / decisions, byProduct }
}

function indexOfMax(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}
