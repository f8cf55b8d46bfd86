/** Rewards that come hours late, and an item that comes in mid-stream: what waiting for them costs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDelayed } from '../../src/environments/delayed.ts'
import type { Environment } from '../../src/environments/environment.ts'
import { run } from '../../src/evaluation/bakeoff/in-time.ts'

const hourMs = 3_600_000
const decisions = 8000
/** One seed's ratio is between .75 and 2.3. */
const seeds = Array.from({ length: 16 }, (_, i) => i + 1)
/** 100 hours; the new item is on offer from the half of them on. */
const paceMs = (100 * hourMs) / decisions
const worldWith = (delayHours: number) => createDelayed({ delayHours, newItemFrom: decisions / 8, hourMs })

/** Expected reward of the best item on offer, by decision. */
function best(environment: Environment, seed: number): number[] {
  const rewards: number[] = []
  for (let index = 0; rewards.length < decisions; index++) {
    const session = environment.session(index, seed)
    for (let observation = session.reset(); !observation.done; ) {
      const offers = observation.candidates!
      const of = (item: string) => {
        const other = environment.session(index, seed)
        other.reset()
        return other.step([item]).expectedReward
      }
      rewards.push(Math.max(...offers.map(of)))
      observation = session.step([offers[0]]).next
    }
  }
  return rewards
}

const regret = (delayHours: number, delays: boolean): number =>
  seeds.reduce((sum, seed) => {
    const environment = worldWith(delayHours)
    const options = { environment, decisions, seed, paceMs, delays, positions: false }
    // plain Thompson sampling under a fixed prior: what is compared is the weighing
    const explorer = { alpha: 0.5, draws: 16, optimistic: false, sharpness: 1 }
    const linearGaussian = { priorPrecision: 1, estimatePrior: false }
    const { rewards } = run({ ...options, overrides: { policies: [{ explorer, linearGaussian }] } })
    const oracle = best(environment, seed)
    return sum + rewards.reduce((lost, reward, n) => lost + oracle[n] - reward, 0)
  }, 0)

test('a delay of three hours costs less than a third more regret; who takes the missing for negatives pays more', t => {
  const prompt = regret(0, false)
  const weighed = regret(3, true) / prompt
  const naive = regret(3, false) / prompt
  t.diagnostic(`regret relative to none: weighed ${weighed.toFixed(2)}, naive ${naive.toFixed(2)}`)
  assert.ok(weighed <= 1.3, `weighed ${weighed}`)
  assert.ok(naive > weighed + 0.1, `naive ${naive}, weighed ${weighed}`)
})
