/** Environments over HTTP: what is told is what happens in process, and what is refused. Gymnasium's own check: python-gymnasium.ts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import type { Environment } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { act, leave } from '../../src/environments/visits.ts'
import { isCode } from '../../src/errors.ts'
import { openEnvironmentDoor } from '../../src/exchange/environments/door.ts'
import { createEpisodes } from '../../src/exchange/environments/episodes.ts'

/** Two items, two slots; the second decision is the last, and ends by a leave where the first slate began with `a`. */
const small: Environment = {
  name: 'small',
  items: () =>
    ['a', 'b', 'c'].map(item_id => ({ item_id, text: item_id, attributes: {}, available: true, time_ms: 0 })),
  preset: {
    state: { blocks: ['numbers', 'counts'], numbers: ['at'], counts: ['click'] },
    policies: [{ rewards: { click: { weight: 2 }, stars: { value: 'value', aggregate: 'last' } } }],
  },
  rates: () => ({ random: 0, bestFixed: 0, oracle: 0, how: '' }),
  sessions: 4,
  session(index) {
    let decisions = 0
    let liked = false
    const observe = (done = false) => ({
      organic: done && liked ? [leave] : [],
      candidates: decisions === 0 ? null : ['a', 'b'],
      context: { at: 10 * index + decisions },
      slots: 2,
      // the session before the last is over before it begins
      done: done || index === 2,
    })
    return {
      userId: `u${index}`,
      sessionId: `s${index}`,
      reset: () => observe(),
      step(slate) {
        if (decisions++ === 0) liked = slate[0] === 'a'
        const stars = (value: number, delayMs: number) => act('stars', slate[0], { value, delayMs })
        // told in any order; what counts is when it comes
        const outcomes = [act('click', slate[0]), stars(4, 5000), stars(1, 100)]
        return { outcomes, expectedReward: 5.5, next: observe(decisions === 2) }
      },
    }
  },
}

describe('episodes', () => {
  test('a state is what the ranker would see, a reward what the learner would be told', () => {
    const episodes = createEpisodes(small, 4)
    const { described } = episodes
    assert.deepEqual([described.items, described.slots, described.state_dimensions], [['a', 'b', 'c'], 2, 3])
    const begun = episodes.reset(0, 1)
    assert.deepEqual([begun.state, begun.mask, begun.index], [[1, 10, 0], [1, 1, 1], 1])
    const first = episodes.step(begun.episode, ['a', 'c'])
    // one click is known then, as log(1 + n)
    assert.deepEqual(
      [first.state, first.mask],
      [
        [1, 11, Math.log(2)],
        [1, 1, 0],
      ],
    )
    assert.deepEqual([first.reward, first.expected_reward, first.terminated, first.truncated], [6, 5.5, false, false])
    const second = episodes.step(begun.episode, ['b'])
    assert.deepEqual([second.terminated, second.truncated], [true, false])
  })
  test('an end without a leave is a truncation', () => {
    const episodes = createEpisodes(small, 4)
    const { episode } = episodes.reset(0, 0)
    episodes.step(episode, ['b'])
    const { terminated, truncated } = episodes.step(episode, ['b'])
    assert.deepEqual([terminated, truncated], [false, true])
  })
  test('a session that is over before anything is decided is passed over', () => {
    const episodes = createEpisodes(small, 4)
    assert.equal(episodes.reset(0, 2).index, 3)
    assert.throws(
      () => episodes.reset(0, 4),
      (error: Error) => isCode(error, 'RECORD_INVALID'),
    )
  })
  test('the same seed and index are the same episode, whatever else is open', () => {
    for (const name of ['e-commerce', 'slates', 'long-term']) {
      const episodes = createEpisodes(openEnvironment(name), 4)
      const play = (index: number) => {
        const { episode, ...begun } = episodes.reset(3, index)
        const slate = episodes.described.items.filter((_, i) => begun.mask[i] === 1).slice(0, episodes.described.slots)
        return [begun, episodes.step(episode, slate)]
      }
      const [one, other] = [play(0), play(1)]
      assert.deepEqual(play(0), one, name)
      assert.notDeepEqual(other, one, name)
    }
  })
  test('all environments that need no file can be served', () => {
    for (const name of ['drifting', 'delayed', 'slates', 'e-commerce', 'recogym', 'long-term', 'cartpole']) {
      const environment = openEnvironment(name)
      const { described, reset } = createEpisodes(environment, 1)
      assert.equal(reset(0, 0).state.length, described.state_dimensions, name)
      assert.equal(parseConfig(environment.preset).policies.length, 1)
    }
  })
})

describe('the door', () => {
  const opened = async (t: { after(end: () => Promise<void>): void }, episodes = 2) => {
    const door = await openEnvironmentDoor(small, { host: '127.0.0.1', port: 0, episodes })
    t.after(() => door.close())
    const call = async (path: string, body?: unknown, type = 'application/json') => {
      const sent = typeof body === 'string' ? body : JSON.stringify(body)
      const wanted = body === undefined ? {} : { method: 'POST', body: sent, headers: { 'content-type': type } }
      const answer = await fetch(`http://127.0.0.1:${door.port}${path}`, wanted)
      // biome-ignore lint/suspicious/noExplicitAny: what came is what is tested
      return { status: answer.status, body: (await answer.json()) as any }
    }
    return { ...door, call }
  }
  test('an episode, from its beginning to its end', async t => {
    const { call } = await opened(t)
    assert.equal((await call('/v1/environment')).body.name, 'small')
    const { body: begun } = await call('/v1/episodes', {})
    const step = `/v1/episodes/${begun.episode}/step`
    for (const slate of [['a'], ['a', 'b']]) assert.equal((await call(step, { slate })).status, 200)
    const { status, body } = await call(step, { slate: ['a'] })
    assert.deepEqual([status, body.code], [404, 'EPISODE_UNKNOWN'])
  })
  test('the episode that was stepped longest ago makes room', async t => {
    const { call } = await opened(t)
    const begin = async () => `/v1/episodes/${(await call('/v1/episodes', {})).body.episode}/step`
    const [first, second] = [await begin(), await begin()]
    assert.equal((await call(first, { slate: ['a'] })).status, 200)
    const third = await begin()
    const statuses = []
    for (const step of [first, second, third]) statuses.push((await call(step, { slate: ['a'] })).status)
    assert.deepEqual(statuses, [200, 404, 200])
  })
  test('what is refused leaves the episode where it was', async t => {
    const { call } = await opened(t)
    const { body: begun } = await call('/v1/episodes', {})
    const step = `/v1/episodes/${begun.episode}/step`
    const refused: [string, unknown, number, string, string?][] = [
      [step, { slate: [] }, 400, 'RECORD_INVALID'],
      [step, { slate: ['a', 'b', 'c'] }, 400, 'RECORD_INVALID'],
      [step, { slate: ['a', 'a'] }, 400, 'RECORD_INVALID'],
      [step, { slate: ['nothing'] }, 400, 'RECORD_INVALID'],
      [step, { slate: 'a' }, 400, 'RECORD_INVALID'],
      [step, { slate: [7] }, 400, 'RECORD_INVALID'],
      [step, { slate: ['a'], more: 1 }, 400, 'RECORD_INVALID'],
      [step, {}, 400, 'RECORD_INVALID'],
      [step, '{"slate":', 400, 'RECORD_UNREADABLE'],
      [step, '{"__proto__":{"slate":["a"]}}', 400, 'RECORD_UNREADABLE'],
      [step, 'a', 415, 'HTTP_MEDIA_TYPE', 'text/plain'],
      [step, { slate: ['x'.repeat(100_000)] }, 413, 'HTTP_BODY_TOO_LARGE'],
      ['/v1/episodes', { seed: -1 }, 400, 'RECORD_INVALID'],
      ['/v1/episodes', { seed: 1.5 }, 400, 'RECORD_INVALID'],
      ['/v1/episodes', { index: 9 }, 400, 'RECORD_INVALID'],
      ['/v1/episodes/nobody/step', { slate: ['a'] }, 404, 'EPISODE_UNKNOWN'],
      ['/v1/elsewhere', {}, 404, 'HTTP_NOT_FOUND'],
    ]
    for (const [path, body, status, code, type] of refused) {
      const answer = await call(path, body, type)
      assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body).slice(0, 80))
    }
    assert.equal((await call(step, { slate: ['a'] })).body.state[1], 1)
  })
  test('a port that another has is said', async t => {
    const { port } = await opened(t)
    await assert.rejects(openEnvironmentDoor(small, { host: '127.0.0.1', port, episodes: 1 }), (error: Error) =>
      isCode(error, 'PORT_UNAVAILABLE'),
    )
  })
})
