import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { repartition } from '../../src/operate/repartition.ts'
import { topicName } from '../../src/pipeline.ts'
import { openLive } from './live.ts'
import { checkMoves } from './moves.ts'

test(
  'more partitions, then fewer: nothing is lost or learned twice, and late outcomes still find their decisions',
  {
    timeout: 180_000,
  },
  t => checkMoves(t, openEmbeddedLog()),
)

test('into topics that are not empty it does not go', { timeout: 60_000 }, async t => {
  const log = openEmbeddedLog()
  const loop = await openLive(t, {}, log)
  await loop.start()
  const to = `${loop.context.config.topics.prefix}next.`
  const options = { partitions: 3, to, timeoutMs: 10_000 }
  await repartition(loop.context, options)
  await assert.rejects(repartition(loop.context, options), { code: 'TOPIC_MISCONFIGURED' })
  await assert.rejects(repartition(loop.context, { ...options, partitions: 4 }), { code: 'TOPIC_MISCONFIGURED' })
  assert.equal(await log.partitionCount(topicName(to, 'events')), 3)
})
