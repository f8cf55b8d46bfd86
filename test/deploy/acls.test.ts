/** Each service may do its row of src/pipeline.ts. That a broker then lets it do its work, and no more: `npm run test:deploy`. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Acl, aclsOf, type Principal, principals } from '../../deploy/kafka/acls.ts'
import { parseConfig } from '../../src/config.ts'
import { topics } from '../../src/pipeline.ts'

const config = parseConfig({ topics: { prefix: 'shop.' } })
const rights = (principal: Principal) =>
  Object.fromEntries(
    aclsOf(principal, config).map(({ resource, name, operations }) => [`${resource} ${name}`, operations.join()]),
  )

describe('rights on the bus', () => {
  test('of the joiner: inputs, its own chain, what it refuses, its group', () =>
    assert.deepEqual(rights('joiner'), {
      'topic shop.recommendations': 'Read',
      'topic shop.events': 'Read',
      'topic shop.releases': 'Read',
      'topic shop.transitions': 'Read,Write',
      'topic shop.dead-letters': 'Write',
      'group shop.joiner': 'Read',
    }))
  test('of the ranker: its kept state too, and it writes nothing that others learn from but decisions', () =>
    assert.deepEqual(rights('ranker'), {
      'topic shop.requests': 'Read',
      'topic shop.events': 'Read',
      'topic shop.profiles': 'Read',
      'topic shop.features': 'Read',
      'topic shop.releases': 'Read',
      'topic shop.models': 'Read',
      'topic shop.snapshots': 'Read,Write',
      'topic shop.recommendations': 'Read,Write',
      'topic shop.dead-letters': 'Write',
      'group shop.ranker': 'Read',
    }))
  test('of the gateway: no group, since it belongs to none', () =>
    assert.deepEqual(rights('gateway'), {
      'topic shop.recommendations': 'Read',
      'topic shop.dead-letters': 'Read',
      'topic shop.requests': 'Read,Write',
      'topic shop.events': 'Write',
      'topic shop.items': 'Write',
    }))
  test('of the features stage: two groups', () =>
    assert.deepEqual(
      Object.keys(rights('features')).filter(name => name.startsWith('group')),
      ['group shop.features-items', 'group shop.features'],
    ))
  test('of intake: your topics, each by a group of its own', () => {
    const sources = ['clicks', 'orders', 'clicks'].map(topic => ({ topic })) as unknown as typeof config.sources
    const own = (acl: Acl) => !acl.name.startsWith('shop.') || acl.resource === 'group'
    assert.deepEqual(
      aclsOf('intake', { ...config, sources })
        .filter(own)
        .map(({ resource, name }) => `${resource} ${name}`),
      ['topic clicks', 'topic orders', 'group shop.intake.clicks', 'group shop.intake.orders'],
    )
  })
  test('of the watch: it reads all, and asks and tells as people do', () => {
    const all = rights('watch')
    assert.deepEqual(
      Object.keys(all),
      Object.keys(topics).map(topic => `topic shop.${topic}`),
    )
    const written = Object.keys(all).filter(name => all[name].includes('Write'))
    assert.deepEqual(written, ['topic shop.requests', 'topic shop.events'])
  })
  test('nobody may do anything outside of the prefix, and none but the job makes topics', () => {
    for (const principal of principals)
      for (const { name, pattern, operations } of aclsOf(principal, config)) {
        assert.ok(name.startsWith('shop.'), `${principal}: ${name}`)
        assert.equal(pattern, principal === 'topics' ? 'prefix' : 'literal')
        assert.equal(operations.includes('Create'), principal === 'topics')
      }
  })
  test('each topic has one service that writes it, the doors and the dead letters aside', () => {
    for (const topic of Object.keys(topics)) {
      const writers = principals.filter(
        each => each !== 'watch' && rights(each)[`topic shop.${topic}`]?.includes('Write'),
      )
      if (topic === 'dead-letters') assert.ok(!writers.includes('gateway'))
      else assert.ok(writers.length === 1 || writers.join() === 'intake,gateway', `${topic}: ${writers}`)
    }
  })
})
