import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { TopicSpec } from '../../src/log/log.ts'
import { applyTopics, checkSourceTopics, checkTopics, topicSpecs } from '../../src/log/topics.ts'
import { topics } from '../../src/pipeline.ts'

const settings = { prefix: 'p.', partitions: 6, policies: 2, replicationFactor: 1, minInsyncReplicas: 1 }
const specs = topicSpecs(settings)
const spec = (name: string) => specs.find(({ topic }) => topic === `p.${name}`)!

describe('topicSpecs', () => {
  test('has every topic of the pipeline', () => {
    assert.deepEqual(
      specs.map(({ topic }) => topic),
      Object.keys(topics).map(name => `p.${name}`),
    )
  })

  test('a chained topic keeps what was acknowledged, and holds a whole step in one batch', () => {
    assert.deepEqual(spec('recommendations'), {
      topic: 'p.recommendations',
      partitions: 6,
      replicationFactor: 1,
      config: {
        'cleanup.policy': 'delete',
        'max.message.bytes': '4194304',
        'retention.ms': String(7 * 24 * 3_600_000),
        'retention.bytes': '-1',
        'unclean.leader.election.enable': 'false',
        'min.insync.replicas': '1',
      },
    })
    for (const [name, { chained }] of Object.entries(topics)) {
      if (!chained) continue
      assert.equal(spec(name).config['cleanup.policy'], 'delete', name)
      assert.equal(spec(name).config['unclean.leader.election.enable'], 'false', name)
    }
  })

  test('compacted topics, one partition a policy, one in all', () => {
    assert.equal(spec('features').config['cleanup.policy'], 'compact')
    assert.equal(spec('features').config['retention.ms'], undefined)
    assert.equal(spec('features').config['retention.bytes'], undefined)
    assert.equal(spec('features').config['min.compaction.lag.ms'], '3600000')
    assert.equal(spec('models').partitions, 2)
    assert.equal(spec('releases').partitions, 1)
  })

  test('retention is lengthened, never shortened', () => {
    const hours = (retentionHours: number, name: string) =>
      Number(
        topicSpecs({ ...settings, retentionHours }).find(({ topic }) => topic === `p.${name}`)!.config['retention.ms'],
      ) / 3_600_000
    assert.equal(hours(1, 'events'), 7 * 24)
    assert.equal(hours(1000, 'events'), 1000)
    assert.equal(hours(1000, 'releases'), 52 * 7 * 24)
  })
})

describe('apply and check', () => {
  test('what was applied checks without a difference, twice', async () => {
    const log = openEmbeddedLog()
    const names = specs.map(({ topic }) => topic)
    await applyTopics(log, specs.slice(2))
    assert.deepEqual(await applyTopics(log, specs), names.slice(0, 2))
    assert.deepEqual(await applyTopics(log, specs), [])
    assert.deepEqual(await checkTopics(log, specs), [])
  })

  const wanted: TopicSpec = {
    topic: 't',
    partitions: 4,
    replicationFactor: 3,
    config: {
      'cleanup.policy': 'delete',
      'retention.ms': '1000',
      'retention.bytes': '-1',
      'unclean.leader.election.enable': 'false',
    },
  }
  const cases: readonly { name: string; actual: Partial<TopicSpec>; lines: string[] }[] = [
    { name: 'equal', actual: {}, lines: [] },
    { name: 'partitions', actual: { partitions: 8 }, lines: ['t: partition count is 8, should be 4'] },
    {
      name: 'fewer replicas',
      actual: { replicationFactor: 1 },
      lines: ['t: replication factor is 1, should be at least 3'],
    },
    { name: 'more replicas are fine', actual: { replicationFactor: 5 }, lines: [] },
    { name: 'longer retention is fine', actual: { config: { ...wanted.config, 'retention.ms': '5000' } }, lines: [] },
    { name: 'endless retention is fine', actual: { config: { ...wanted.config, 'retention.ms': '-1' } }, lines: [] },
    {
      name: 'shorter retention',
      actual: { config: { ...wanted.config, 'retention.ms': '999' } },
      lines: ['t: retention.ms is 999, should be at least 1000'],
    },
    {
      name: 'a bound by size cuts before the time',
      actual: { config: { ...wanted.config, 'retention.bytes': '1073741824' } },
      lines: ['t: retention.bytes is 1073741824, should be -1'],
    },
    {
      name: 'all at once',
      actual: {
        partitions: 1,
        config: { 'cleanup.policy': 'compact', 'unclean.leader.election.enable': 'true', 'retention.ms': '1' },
      },
      lines: [
        't: partition count is 1, should be 4',
        't: cleanup.policy is compact, should be delete',
        't: retention.ms is 1, should be at least 1000',
        't: unclean.leader.election.enable is true, should be false',
      ],
    },
  ]
  for (const { name, actual, lines } of cases)
    test(`check: ${name}`, async () => {
      const log = openEmbeddedLog()
      await log.createTopics([{ ...wanted, ...actual }])
      assert.deepEqual(await checkTopics(log, [wanted]), lines)
    })

  test('check: a missing topic is named', async () => {
    assert.deepEqual(await checkTopics(openEmbeddedLog(), [wanted]), ['t: missing'])
  })
})

test('topics of sources are looked for, each once', async () => {
  const log = openEmbeddedLog()
  await log.createTopics([{ topic: 'web.clicks', partitions: 1, replicationFactor: 1, config: {} }])
  assert.deepEqual(await checkSourceTopics(log, ['web.clicks', 'web.views', 'web.views']), [
    'web.views: missing; a topic of `sources`, which is yours to make',
  ])
  assert.deepEqual(await checkSourceTopics(log, []), [])
})
