/** Policies are told apart by their place in the configuration: what happens when the list is changed. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { ConfigInput } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { audit } from '../../src/evaluation/audit.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { latestVersion } from '../../src/models/start.ts'
import { checkPolicyPartitions } from '../../src/operate/policy-partitions.ts'
import { comeFrom } from '../../src/operate/repartition/policies.ts'
import { repartition } from '../../src/operate/repartition.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { topicName } from '../../src/pipeline.ts'
import { did, type Live, openLive, publishItems, request, versionsOf } from './live.ts'

const named = (...names: string[]): ConfigInput['policies'] => names.map(name => ({ name }))
const timeout = 60_000

/** Decisions of each of these policies, with a click on each. */
async function live(loop: Live, policies: readonly string[]): Promise<void> {
  for (const policy of policies)
    for (const user of ['u0', 'u1', 'u2']) await loop.append('requests', user, request(user, { policy }))
  await loop.settled()
  for (const { user_id, decision_id } of await loop.decisions())
    await loop.append('events', user_id, did(user_id, 'click', { decision_id, slot: 0 }))
  await loop.settled()
}

/** A loop of these policies that has learned and is stopped. */
async function openLearned(t: TestContext, policies: readonly string[], log?: Log): Promise<Live> {
  const loop = await openLive(t, { policies: named(...policies) }, log)
  await publishItems(loop, ['a', 'b'])
  await loop.start()
  await live(loop, policies)
  await loop.stop()
  return loop
}

/** The same loop with other policies. */
const changed = (t: TestContext, { context }: Live, policies: ConfigInput['policies'], prefix?: string) =>
  openLive(t, { policies, topics: { prefix: prefix ?? context.config.topics.prefix } }, context.log)

async function audited({ context }: Live) {
  const { differences, model } = await audit({ ...context, prefix: context.config.topics.prefix })
  assert.deepEqual(differences, [])
  assert.equal(model.transitionsContained, model.transitionsCounted + model.transitionsUnjudged)
  return model.transitionsUnjudged
}

const endsOf = async ({ context: { log, config } }: Live) =>
  Promise.all([0, 1].map(async p => (await log.ends(topicName(config.topics.prefix, 'models'), p)).latest))

describe('other policies on the same topics', () => {
  for (const { title, now } of [
    { title: 'swapped', now: ['theirs', 'mine'] },
    { title: 'moved up behind one that is new', now: ['theirs', 'new'] },
  ])
    test(`${title}: nothing runs on them, nothing is written, and put back they go on`, { timeout }, async t => {
      const loop = await openLearned(t, ['mine', 'theirs'])
      const [ends, before] = [await endsOf(loop), await versionsOf(loop)]
      const other = await changed(t, loop, named(...now))
      for (const stage of ['learner', 'ranker', 'gate'] as const) {
        const running = await startServices(other.context, [stage])
        t.after(() => stopServices(running).catch(() => {}))
        await assert.rejects(
          Promise.all(running.map(({ done }) => done)),
          error => isCode(error, 'MODEL_INCOMPATIBLE') && /order must stay/.test(String(error)),
          stage,
        )
        await stopServices(running).catch(() => {})
      }
      await assert.rejects(latestVersion(other.context, now[1]!), error => isCode(error, 'MODEL_INCOMPATIBLE'))
      assert.deepEqual(await endsOf(loop), ends)
      await loop.start()
      await live(loop, ['mine'])
      const after = await versionsOf(loop)
      assert.ok(after.length > before.length)
      assert.ok(after.every(({ policy }) => policy === 'mine'))
      assert.equal(after[before.length]!.parent, before.at(-1)!.version)
    })

  test('one is named anew: it begins with nothing, and its versions are told from those of before', {
    timeout,
  }, async t => {
    const loop = await openLearned(t, ['mine', 'theirs'])
    const other = await changed(t, loop, named('fresh', 'theirs'))
    assert.equal(await latestVersion(other.context, 'fresh'), undefined, "the version is another policy's")
    await other.start()
    await live(other, ['fresh', 'theirs'])
    const { policy, version } = (await latestVersion(other.context, 'fresh'))!
    const own = (await versionsOf(other)).filter(each => each.policy === 'fresh')
    assert.deepEqual([policy, version, own[0]!.version], ['fresh', own.at(-1)!.version, '000000000001'])
    assert.equal((await latestVersion(other.context, 'theirs'))!.policy, 'theirs')
    assert.equal(await audited(other), 0)
  })

  test('named anew, back and anew: the audit asks of each what came while it was there', { timeout }, async t => {
    const log = openEmbeddedLog()
    const loop = await openLearned(t, ['mine', 'theirs'], log)
    const names = ['fresh', 'mine', 'third'] as const
    for (const name of names) {
      const now = await changed(t, loop, named(name, 'theirs'))
      await now.start()
      await live(now, [name, 'theirs'])
      await now.stop()
      assert.equal(await audited(now), 0, name)
    }
    const versions = await versionsOf(loop)
    assert.deepEqual(
      versions.map(({ policy }) => policy).filter((policy, i, all) => policy !== all[i - 1]),
      ['mine', ...names],
    )
    const back = versions.findIndex(({ policy }, i) => policy === 'mine' && versions[i - 1]?.policy === 'fresh')
    assert.equal(versions[back]!.parent, versions.findLast(({ policy }, i) => policy === 'mine' && i < back)!.version)

    const third = await changed(t, loop, named('third', 'theirs'))
    const { prefix } = third.context.config.topics
    const to = `${prefix}next.`
    await third.start()
    await repartition(third.context, { partitions: 2, to, timeoutMs: 10_000 })
    await third.stop()
    assert.equal(await audited(await changed(t, third, named('third', 'theirs'), to)), 0, 'moved')

    // its last version is left, and the seal that names it
    const models = topicName(prefix, 'models')
    log.truncateFront(models, 0, (await log.ends(models, 0)).latest - 2)
    assert.ok((await audited(third)) > 0, 'with its first versions gone nobody knows where it began')
  })

  for (const { title, now, says } of [
    { title: 'fewer', now: ['mine'], says: /models has 2 partitions.* 1 policies \(mine\): put those .* back/ },
    { title: 'more', now: ['mine', 'theirs', 'new'], says: /models has 2 partitions.* 3 policies .*repartition\.md/ },
  ])
    test(`${title} than there are partitions: TOPIC_MISCONFIGURED that says which`, { timeout }, async t => {
      const loop = await openLive(t, { policies: named('mine', 'theirs') })
      const { context } = await changed(t, loop, named(...now))
      for (const stage of ['learner', 'gate', 'ranker'] as const)
        await assert.rejects(
          startServices(context, [stage]),
          error => isCode(error, 'TOPIC_MISCONFIGURED') && says.test(String(error)),
        )
      const lines = await checkPolicyPartitions(context.log, context.config)
      assert.match(lines.join(), says)
      assert.deepEqual(await checkPolicyPartitions(loop.context.log, loop.context.config), [])
    })
})

describe('a move with other policies', () => {
  for (const { title, policies, newest, from } of [
    { title: 'the same', policies: ['a', 'b'], newest: ['a', 'b'], from: [0, 1] },
    { title: 'one at the end', policies: ['a', 'b'], newest: ['a'], from: [0, undefined] },
    {
      title: 'one before the heartbeats',
      policies: ['a', 'b', 'beat'],
      newest: ['a', 'beat'],
      from: [0, undefined, 1],
    },
    { title: 'another order', policies: ['b', 'a'], newest: ['a', 'b'], from: [1, 0] },
    { title: 'named anew', policies: ['c', 'b'], newest: ['a', 'b'], from: [0, 1] },
    {
      title: 'nothing learned yet',
      policies: ['a', 'b', 'c'],
      newest: [undefined, undefined],
      from: [0, 1, undefined],
    },
  ])
    test(title, () => assert.deepEqual(comeFrom(policies, newest), from))

  test('a policy and the heartbeats more: those of before go on, the new ones begin', { timeout }, async t => {
    const loop = await openLearned(t, ['mine'])
    const before = await versionsOf(loop)
    const { prefix } = loop.context.config.topics
    const to = `${prefix}next.`
    await loop.start()
    const more: ConfigInput = { policies: named('mine', 'new'), heartbeat: { everyMs: 1000 } }
    const config = {
      ...(await openLive(t, more, openEmbeddedLog())).context.config,
      topics: loop.context.config.topics,
    }
    await repartition({ ...loop.context, config }, { partitions: 3, to, timeoutMs: 10_000 })
    await loop.stop()
    const next = await openLive(t, { ...more, topics: { prefix: to, partitions: 3 } }, loop.context.log)
    assert.deepEqual(await checkPolicyPartitions(next.context.log, next.context.config), [])
    await next.start()
    await live(next, ['mine', 'new', 'heartbeat'])
    const mine = await versionsOf(next)
    assert.ok(mine.length > 1 && mine.every(({ policy }) => policy === 'mine'))
    assert.ok(
      mine.some(({ parent }) => parent === before.at(-1)!.version),
      'it goes on',
    )
    for (const [partition, policy] of ['new', 'heartbeat'].entries()) {
      const [first] = await versionsOf(next, 1 + partition)
      assert.deepEqual([first!.policy, first!.parent], [policy, null])
    }
    assert.equal(await audited(next), 0, 'what was learned before they began is not asked of them')
  })

  test('one that is back under its former name goes on from its newest version', { timeout }, async t => {
    const loop = await openLearned(t, ['mine'])
    const other = await changed(t, loop, named('fresh'))
    await other.start()
    await live(other, ['fresh'])
    await other.stop()
    await loop.start()
    await live(loop, ['mine'])
    const to = `${loop.context.config.topics.prefix}next.`
    await repartition(loop.context, { partitions: 2, to, timeoutMs: 10_000 })
    await loop.stop()
    const next = await changed(t, loop, named('mine'), to)
    const newest = (await versionsOf(loop)).at(-1)!
    assert.notEqual(newest.base_version, null, 'it stands on what it published under its name before')
    assert.equal((await latestVersion(next.context, 'mine'))!.version, newest.version)
    await next.start()
    await live(next, ['mine'])
    assert.ok((await versionsOf(next)).some(({ parent }) => parent === newest.version))
    assert.equal(await audited(next), 0)
  })

  test('a policy less: TOPIC_MISCONFIGURED before anything is made', { timeout }, async t => {
    const loop = await openLive(t, { policies: named('mine', 'theirs') })
    const { context } = await changed(t, loop, named('mine'))
    const to = `${context.config.topics.prefix}next.`
    await assert.rejects(repartition(context, { partitions: 2, to, timeoutMs: 1000 }), error =>
      isCode(error, 'TOPIC_MISCONFIGURED'),
    )
    await assert.rejects(context.log.partitionCount(topicName(to, 'models')), error => isCode(error, 'TOPIC_UNKNOWN'))
  })
})
