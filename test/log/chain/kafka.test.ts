/** The chain on a real Kafka: rivals, kills, recovery, and a consumer that starts in the middle. */
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { Bus } from '../../../src/log/open.ts'
import { findBus } from '../../../src/log/open.ts'
import { logger, rivalsAgree } from './tasks.ts'
import { troubledAgree } from './troubled.ts'

let bus: Bus
before(async () => {
  bus = await findBus({ kind: 'kafka', logger })
})
after(async () => {
  await bus?.stop()
})

test('rivals on one partition of a real Kafka agree', async () => {
  await rivalsAgree(bus.log, `c${randomBytes(5).toString('hex')}.`)
})

test('twelve seeds of the simulation on a real Kafka: troubled appends, rivals that are killed', async () => {
  const seeds = [...Array(12).keys()]
  const prefixOf = (seed: number): string => `s${seed}${randomBytes(5).toString('hex')}.`
  for (let from = 0; from < seeds.length; from += 4)
    await Promise.all(seeds.slice(from, from + 4).map(seed => troubledAgree(bus.log, prefixOf(seed), seed)))
})
