/** A lesson from the topics of a loop that runs: each transition once, as it stands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLearner } from '../../src/learner/create.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRehearsal } from '../../src/training/rehearsal.ts'
import { readLesson } from '../../src/training/topic.ts'
import { did, openLive, publishItems, request } from '../operate/live.ts'

test('the last revision of each transition, with vectors to learn from', async t => {
  const live = await openLive(t, { policies: [{ gamma: 0.5, algorithm: 'linear-gaussian' }, { name: 'other' }] })
  await publishItems(live, ['a', 'b', 'c'])
  await live.start()
  const asked = Array.from({ length: 30 }, (_, n) => request(`u${n % 5}`, { session_id: `s${n % 5}` }))
  for (const each of asked) await live.append('requests', each.user_id, each)
  await live.append('requests', 'u0', request('u0', { policy: 'other' }))
  await live.settled()
  for (const each of asked.slice(0, 10))
    await live.append('events', each.user_id, did(each.user_id, 'click', { decision_id: each.request_id, slot: 0 }))
  await live.settled()
  const { log, wire, config } = live.context
  const lesson = await readLesson({ log, wire, config, prefix: config.topics.prefix }, 'default')
  const transitions = [...lesson.transitions]
  assert.deepEqual(
    transitions.map(({ decision_id }) => decision_id).sort(),
    asked.map(({ request_id }) => request_id).sort(),
  )
  const rewarded = transitions.filter(({ cumulative }) => cumulative.click === 1)
  assert.equal(rewarded.length, 10)
  assert.ok(
    transitions.every(
      ({ kind, revision, delta, cumulative }) => kind === 'initial' && revision === 0 && delta === cumulative,
    ),
  )
  assert.equal(
    transitions.filter(({ next_state }) => next_state !== null).length,
    25,
    'all but the last of each session',
  )

  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const trainer = createRehearsal({ config, learner, lesson, learnEvery: 8 })
  const { decisions, reward, refused } = trainer.run(1000)
  assert.ok(decisions >= 20 && decisions < 30 && reward! >= 0 && reward! <= 1, `${decisions} ${reward}`)
  assert.deepEqual(refused, {})
})
