/**
 * Part of `npm run test:python`: Gymnasium's environments in the loop, and ours for Gymnasium's agents.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import type { ConfigInput } from '../../src/config.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { openEnvironmentDoor } from '../../src/exchange/environments/door.ts'
import { openWorld } from '../gateway/world.ts'
import { blocksOf, linesOf } from './docs.ts'
import { revisionsOf } from './sessions.ts'
import { runProgram, runPython } from './with-python.ts'

const [, agent] = blocksOf('python')

test('Gymnasium accepts every kind of served environment, and its CartPole-v1 moves as ours does', async t => {
  for (const name of ['drifting', 'slates', 'e-commerce', 'long-term', 'cartpole']) {
    const door = await openEnvironmentDoor(openEnvironment(name), { host: '127.0.0.1', port: 0, episodes: 8 })
    t.after(() => door.close())
    const script = `
import json, sys, warnings
import gymnasium, numpy as np
from gymnasium.utils.env_checker import check_env
from feedloop_env import FeedloopEnv
warnings.simplefilter("error")
warnings.filterwarnings("ignore", ".*infinity.*")  # a state has no bounds
environment = FeedloopEnv(sys.argv[1])
check_env(environment, skip_render_check=True)
environment.action_space.seed(1)
returns = []
for episode in range(3):
    environment.reset(seed=5 if episode == 0 else None)
    total, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, info = environment.step(environment.action_space.sample())
        total, over = total + reward, terminated or truncated
    returns.append(total)
apart = []
if sys.argv[2] == "cartpole":
    theirs = gymnasium.make("CartPole-v1").unwrapped
    theirs.reset()
    scale = np.array([theirs.x_threshold, 1, theirs.theta_threshold_radians, 1])
    observation, _ = environment.reset(seed=5)
    theirs.state = tuple(observation[1:].astype(np.float64) * scale)
    over = False
    while not over:
        action = int(environment.action_space.sample())
        observation, _, ended, _, _ = environment.step(action)
        moved, _, over, _, _ = theirs.step(action)
        apart.append(float(np.abs(observation[1:] * scale - moved).max()))
        assert ended == over
print(json.dumps([returns, apart]))`
    const told = await runPython(['numpy', 'gymnasium'], script, [`http://127.0.0.1:${door.port}`, name])
    const [returns, apart] = told as [number[], number[]]
    assert.ok(returns.length === 3 && returns.every(Number.isFinite), name)
    if (name !== 'cartpole') continue
    assert.ok(apart.length > 5 && Math.max(...apart) < 1e-5, `${apart.length} steps, apart by ${Math.max(...apart)}`)
  }
})

test('CartPole-v1 of Gymnasium is an environment of the loop', { timeout: 120_000 }, async t => {
  const world = await openWorld(t, parse(blocksOf('yaml')[0]) as ConfigInput)
  const script = `
import json, sys
import gymnasium
from gym_loop import Loop
environment = gymnasium.make("CartPole-v1", max_episode_steps=12)
loop = Loop(sys.argv[1], int(environment.action_space.n))
loop.publish()
print(json.dumps([loop.episode(environment, seed) for seed in range(3)]))`
  const returns = (await runPython(['numpy', 'gymnasium'], script, [world.url])) as number[]
  await world.settled()
  const sessions = Map.groupBy(
    (await revisionsOf(world.context)).filter(({ user_id }) => user_id !== 'probe'),
    ({ session_id }) => session_id,
  )
  const told = Array.from(sessions.values(), revisions => {
    const newest = new Map(revisions.map(each => [each.transition_id, each]))
    const inOrder = [...newest.values()].sort((a, b) => a.session_step - b.session_step)
    const last = inOrder.at(-1)!
    assert.ok(inOrder.slice(0, -1).every(each => each.next_state !== null && !each.terminated))
    assert.ok(inOrder.every(({ propensity, propensity_kind }) => propensity > 0 && propensity_kind === 'exact'))
    assert.deepEqual(Object.keys(last.state.context), ['o0', 'o1', 'o2', 'o3'])
    return { return: inOrder.reduce((sum, { cumulative }) => sum + cumulative.reward, 0), terminated: last.terminated }
  })
  assert.deepEqual(told.map(each => each.return).sort(), [...returns].sort())
  // a pole that still stands at the twelfth step has not fallen: the episode is cut there, and not over
  for (const each of told) assert.equal(each.terminated, each.return < 12)
})

test('docs/exchange.md: its command that plays in the loop', { timeout: 120_000 }, async t => {
  const world = await openWorld(t, parse(blocksOf('yaml')[0]) as ConfigInput)
  const [[file, url, ...args]] = linesOf('python3')
  assert.equal(url, 'http://127.0.0.1:8080')
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const returns = (await runProgram(['numpy', 'gymnasium'], [file, world.url, ...args], root)) as number[]
  assert.equal(returns.length, 2)
  const played = (await world.decisions()).filter(({ user_id }) => user_id !== 'probe')
  assert.equal(
    played.length,
    returns.reduce((sum, steps) => sum + steps, 0),
  )
})

test('docs/exchange.md: its agent plays in our environment', async t => {
  const door = await openEnvironmentDoor(openEnvironment('e-commerce'), { host: '127.0.0.1', port: 0, episodes: 8 })
  t.after(() => door.close())
  const program = agent.replace('http://127.0.0.1:8090', `http://127.0.0.1:${door.port}`)
  assert.notEqual(program, agent)
  assert.ok(Number.isFinite(await runPython(['numpy', 'gymnasium'], program, [])))
})
