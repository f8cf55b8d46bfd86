/** The audit beside services that run, and on logs whose front retention has removed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDrive } from '../../src/environments/drive.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import { type AuditReport, audit } from '../../src/evaluation/audit.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { forgetUser } from '../../src/operate/forget.ts'
import { topicName } from '../../src/pipeline.ts'
import { openLive } from '../operate/live.ts'

const sumOf = (fates: AuditReport['decisions'] | AuditReport['outcomes']): number =>
  Object.entries(fates).reduce((sum, [name, count]) => (name === 'total' ? sum : sum + count), 0)

function assertBalanced(report: AuditReport): void {
  assert.deepEqual(report.differences, [])
  assert.equal(sumOf(report.decisions), report.decisions.total, 'each decision ends once')
  assert.equal(sumOf(report.outcomes), report.outcomes.total, 'each outcome ends once')
}

test('beside live services what is on its way is pending; settled, cut and with a user forgotten it balances', {
  timeout: 120_000,
}, async t => {
  const environment = openEnvironment('recogym')
  const log = openEmbeddedLog()
  const loop = await openLive(t, { ...environment.preset, state: { ...environment.preset.state } }, log)
  const { config, wire } = loop.context
  const { prefix } = config.topics
  const source = { log, wire, config, prefix }
  await publishWorld({ environment, log, wire, prefix })
  await loop.start()
  const drive = await startDrive({ environment, log, wire, prefix, seed: 5, sessions: 24 })
  let pending = 0
  for (let round = 0; round < 4; round++) {
    await sleep(700)
    const report = await audit(source)
    assertBalanced(report)
    assert.ok(report.decisions.total > 0)
    pending += report.outcomes.pending + report.decisions.open + report.requests.pending
  }
  assert.ok(pending > 0, 'something was on its way')
  await drive.stop()
  await loop.settled()

  const users = [...new Set((await loop.decisions()).map(each => each.user_id))]
  await forgetUser(loop.context, users[0]!, 20_000)
  await loop.settled()
  await loop.stop()
  const whole = await audit(source)
  assertBalanced(whole)
  assert.ok(whole.decisions.forgotten > 0)
  assert.ok(whole.outcomes.forgotten > 0)
  assert.equal(whole.decisions.unjudged, 0)
  assert.deepEqual(await audit(source, { bucketRecords: 100 }), whole, 'in many buckets as in one')
  const otherwise = { ...config, policies: [{ ...config.policies[0]!, attributionWindowMs: 1 }] }
  const other = await audit({ ...source, config: otherwise })
  assertBalanced(other)
  assert.equal(other.decisions.unjudged + other.decisions.forgotten, other.decisions.total)

  // what retention removes: the same time of every topic, give or take a segment
  for (const [i, topic] of (['requests', 'events', 'recommendations', 'transitions'] as const).entries())
    for (let partition = 0; partition < 2; partition++) {
      const { latest } = await log.ends(topicName(prefix, topic), partition)
      log.truncateFront(topicName(prefix, topic), partition, Math.floor(latest * (0.3 + 0.05 * ((i + partition) % 3))))
    }
  const cut = await audit(source)
  assertBalanced(cut)
  assert.ok(cut.decisions.unjudged > 0)
  assert.ok(cut.decisions.learnedWithReward + cut.decisions.learnedByDefault > 0)
})
