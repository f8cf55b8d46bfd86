/** Where a preset's γ counts decisions, they are a second of event time apart, however fast they are taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transition } from '../../schemas/records.ts'
import { runLoop } from '../../src/demo/loop.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { follow } from '../../src/operate/broadcast.ts'

for (const name of ['cartpole', 'long-term'] as const)
  test(`${name}: what a decision's next is worth is γ to the power of one`, { timeout: 120_000 }, async () => {
    const discounts = new Set<number>()
    let gamma = 0
    const report = await runLoop({
      environment: openEnvironment(name),
      bus: 'embedded',
      seconds: 2,
      seed: 1,
      sessions: 8,
      async settled(context) {
        gamma = context.config.policies[0].gamma
        const take = ({ discount, terminated }: Transition): void => {
          if (discount !== null && !terminated) discounts.add(discount)
        }
        const follower = follow<Transition>(context, 'transitions', take)
        await follower.catchUp()
        await follower.stop()
      },
    })
    assert.ok(report.balanced && report.decisions > 50, `${report.decisions}`)
    assert.deepEqual(
      [...discounts].map(each => each.toFixed(3)),
      [gamma.toFixed(3)],
    )
  })
