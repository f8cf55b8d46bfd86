/** Tastes that are swapped at once: sums that never forget hold on to what was true, those that halve find the new, and those
 * that watch whether items earn less than they used to find it at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDrifting } from '../../src/environments/drifting.ts'
import { shareOfGap } from '../../src/environments/environment.ts'
import { run } from '../../src/evaluation/bakeoff/in-time.ts'

const decisions = 12_000
/** Sessions of four decisions. */
const environment = createDrifting({ drift: 'abrupt', sessions: decisions / 2 / 4 })
const seeds = [1, 2]

/** Share of the gap before the swap, and at the end. */
function shares(halfLifeDecisions: number, detectChanges = false) {
  const paceMs = 1000
  const policies = [
    {
      linearGaussian: { halfLifeMs: halfLifeDecisions * paceMs, detectChanges, priorPrecision: 1 },
      explorer: { alpha: 0.2, draws: 16 },
    },
  ]
  const runs = seeds.map(
    seed =>
      run({ environment, decisions, seed, paceMs, delays: false, positions: false, overrides: { policies } }).rewards,
  )
  const share = (from: number, to: number) => {
    const means = runs.map(rewards => rewards.subarray(from, to).reduce((sum, x) => sum + x, 0) / (to - from))
    return shareOfGap(means.reduce((sum, x) => sum + x, 0) / seeds.length, environment.rates())
  }
  return { before: share(4500, 6000), end: share(10_500, 12_000) }
}

test('forgetting finds the new tastes and costs little while nothing changes', t => {
  const keeping = shares(0)
  const forgetting = shares(2000)
  const watching = shares(0, true)
  const say = ({ before, end }: typeof keeping) => `${before.toFixed(3)} before the swap, ${end.toFixed(3)} at the end`
  t.diagnostic(`keeping ${say(keeping)}; forgetting ${say(forgetting)}; watching ${say(watching)}`)
  assert.ok(keeping.before > 0.75 && keeping.end < 0.4, say(keeping))
  assert.ok(forgetting.end > 0.6 && forgetting.end > keeping.end + 0.3, say(forgetting))
  assert.ok(watching.before > keeping.before - 0.02 && watching.end > keeping.end + 0.6, say(watching))
  assert.ok(forgetting.before > keeping.before - 0.1, say(forgetting))
})
