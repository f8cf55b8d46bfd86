/** What fails at the log is counted: commits that the group refuses, brokers that cannot be reached. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { parseConfig } from '../../src/config.ts'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { runGate } from '../../src/gate/service.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import type { Log } from '../../src/log/log.ts'
import { createMeter, type Meter } from '../../src/metrics.ts'
import { plainFeatures, publish } from '../learner/examples.ts'
import { chainOf, openBus } from '../models/bus.ts'

const counted = async (meter: Meter, series: string): Promise<number> => {
  const line = (await meter.registry.metrics()).split('\n').find(each => each.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}

test('a commit that fails is counted, and tried again until it is taken', { timeout: 60_000 }, async () => {
  const config = parseConfig({ features: { dimensions: 2 } })
  const log = openEmbeddedLog()
  const commits: boolean[] = []
  const taken = Promise.withResolvers<void>()
  const join: Log['join'] = async (...args) => {
    const membership = await log.join(...args)
    return {
      ...membership,
      async commit(positions) {
        commits.push(commits.length >= 2)
        if (commits.length <= 2) throw new FeedloopError('LOG_UNAVAILABLE', 'the coordinator moves')
        await membership.commit(positions)
        taken.resolve()
      },
    }
  }
  const context = await openBus(config, { ...log, join })
  const gate = await runGate(context)
  const options = { priorPrecision: 1, maxItems: 9, halfLifeMs: 0, maxCheckpointBytes: 1 << 20 }
  const learner = createLinearLearner({ ...plainFeatures(11), ...options })
  await chainOf(context, 'models')(publish(learner, '1', true))
  await taken.promise
  await gate.stop()
  assert.equal(await counted(context.meter, 'feedloop_commit_failures_total{stage="gate"}'), 2)
  assert.equal(await counted(context.meter, 'feedloop_rebalances_total{stage="gate"}'), 1)
  await context.log.close()
})

test('a broker that cannot be reached is counted at each try', async () => {
  const meter = createMeter()
  const options = { brokers: ['127.0.0.1:1'], clientId: 'test', logger: pino({ level: 'silent' }), meter }
  await assert.rejects(openKafkaLog({ ...options, firstContactMs: 200 }), error => isCode(error, 'LOG_UNAVAILABLE'))
  assert.ok((await counted(meter, 'feedloop_kafka_request_failures_total{api="Connect"}')) >= 2)
})
