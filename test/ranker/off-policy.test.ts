import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import type { Policy } from '../../src/models/policy.ts'
import { createDecide } from '../../src/ranker/decide.ts'
import { createExplorer } from '../../src/ranker/explorers/named.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'
import { newUser } from '../../src/state/user.ts'
import { catalogue, nowMs, request, serve, view, weighted } from './fixtures.ts'
import { possibleSlates, slateProbability } from './slates.ts'
import { meanOf, sum } from './statistics.ts'

/**
 * The use of exact propensities: from decisions of one policy, the value of another. A slate's reward is the number of
 * clicks, item by item with a fixed chance, less the lower it stands: not a function of the items alone.
 */
const clickChance = [0.1, 0.4, 0.2, 0.6, 0.3]
const count = clickChance.length
const chanceAt = (item: number, position: number): number => clickChance[item] * 0.7 ** position
const loggingScores = [0.3, 0.1, 0.5, 0.2, 0]
const targetScores = Float64Array.of(0.1, 0.6, 0, 0.8, 0.4)
const decisions = 20_000

const target = createExplorer({ name: 'softmax', temperature: 0.5, exponent: 0, epsilon: 0 }).open(
  { mean: targetScores },
  createRandom(1),
)
const trueValue = (slots: number): number =>
  sum(
    possibleSlates(target, count, slots),
    ({ items, probability }) => probability * sum([...items.entries()], ([position, item]) => chanceAt(item, position)),
  )

const logging = {
  thompson: { name: 'thompson', epsilon: 0.3, alpha: 4, draws: 16, optimistic: true, sharpness: 2 },
  softmax: { name: 'softmax', temperature: 0.5, epsilon: 0.05 },
  'epsilon-greedy': { name: 'epsilon-greedy', epsilon: 0.8 },
  uniform: { name: 'uniform' },
} as const

for (const [name, explorer] of Object.entries(logging))
  for (const slots of [1, 2, 3])
    test(`inverse propensities: ${name}, ${slots} slots, value of another policy without bias`, () => {
      const decide = createDecide(parseConfig({ policies: [{ explorer }] }))
      const policy: Policy = weighted(loggingScores)
      const world = view({ features: catalogue(count), serving: serve(policy) })
      const weights: number[] = []
      const estimates: number[] = []
      for (let i = 0; i < decisions; i++) {
        const asked = request({ request_id: `${name}-${slots}-${i}`, slots })
        const { slots: shown } = decide(asked, newUser, nowMs, world).recommendation
        const clicks = createRandom(seedOf(asked.request_id, 99))
        const reward = shown.filter(slot => clicks.uniform() < chanceAt(slot.candidate, slot.position)).length
        const logged = shown.reduce((product, slot) => product * slot.conditional_propensity, 1)
        const weight =
          slateProbability(
            target,
            count,
            shown.map(slot => slot.candidate),
          ) / logged
        weights.push(weight)
        estimates.push(weight * reward)
      }
      const weight = meanOf(weights)
      const value = meanOf(estimates)
      assert.ok(Math.abs(weight.mean - 1) <= 3 * weight.error, `mean weight ${weight.mean} ± ${weight.error}`)
      assert.ok(
        Math.abs(value.mean - trueValue(slots)) <= 3 * value.error,
        `${value.mean} ± ${value.error}, not ${trueValue(slots)}`,
      )
      assert.ok(value.error < 0.1 * trueValue(slots), `too wide to say anything: ± ${value.error}`)
    })
