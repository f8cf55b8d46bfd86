/**
 * Part of `npm run test:python`: PyTorch and TensorFlow read what we write, compute what we compute, and we read what they
 * trained; ONNX Runtime computes it from the ONNX model. All within 1e-5. pyarrow reads the transitions.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { parse } from 'yaml'
import type { ModelVersion } from '../../schemas/records.ts'
import type { ConfigInput } from '../../src/config.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { openEnvironmentDoor } from '../../src/exchange/environments/door.ts'
import { onnxOf } from '../../src/exchange/onnx/towers.ts'
import { columns } from '../../src/exchange/transitions/columns.ts'
import { exportTransitions } from '../../src/exchange/transitions/export.ts'
import { safetensorsOf } from '../../src/exchange/weights/export.ts'
import { readStored } from '../../src/exchange/weights/import.ts'
import { replaced } from '../../src/exchange/weights/replacing.ts'
import { encodeSafetensors } from '../../src/exchange/weights/safetensors.ts'
import { loadTensorFlow } from '../../src/learner/tensorflow.ts'
import { createNetwork } from '../../src/learner/towers/network.ts'
import { createTowers, logit } from '../../src/learner/towers/towers.ts'
import { decodeWeights, encodeTraining, startTraining } from '../../src/learner/towers/training.ts'
import { createRandom } from '../../src/state/random.ts'
import { openWorld } from '../gateway/world.ts'
import { versionOf } from '../learner/examples.ts'
import { blocksOf, linesOf } from './docs.ts'
import { openSessions, revisionsOf } from './sessions.ts'
import { runProgram, runPython } from './with-python.ts'

const shape = { stateDimensions: 12, itemDimensions: 7, hidden: 16, embedding: 8 }
const size = 9
const candidates = 5

interface Outputs {
  /** [batch, candidates]. */
  readonly logits: readonly (readonly number[])[]
  /** [batch]. */
  readonly value: readonly number[]
}

const random = createRandom(3)
const uniform = (count: number): number[] => Array.from({ length: count }, () => Math.fround(2 * random.uniform() - 1))
const batch = {
  states: Array.from({ length: size }, () => uniform(shape.stateDimensions)),
  items: Array.from({ length: size }, () => Array.from({ length: candidates }, () => uniform(shape.itemDimensions))),
}

/** Nothing is 0, so that nothing can be mixed up unseen. */
function someVersion(): ModelVersion {
  const training = startTraining(shape, 11)
  for (const values of Object.values(training.weights))
    for (let i = 0; i < values.length; i++) values[i] += 0.3 * (2 * random.uniform() - 1)
  return versionOf({ baseVersion: null, ...encodeTraining(training, shape) }, { algorithm: 'two-tower' })
}

/** As it serves. */
function outputsOf(model: ModelVersion): Outputs {
  const towers = createTowers(decodeWeights(model).weights)
  const users = batch.states.map(state => towers.user(Float64Array.from(state)))
  return {
    logits: users.map(({ embedding }, b) =>
      batch.items[b].map(item => logit(embedding, towers.embed(Float32Array.from(item)))),
    ),
    value: users.map(({ value }) => value),
  }
}

function assertSame(found: Outputs, expected: Outputs): void {
  const flat = ({ logits, value }: Outputs) => [...logits.flat(), ...value]
  const [a, b] = [flat(found), flat(expected)]
  assert.equal(a.length, size * (candidates + 1))
  a.forEach((value, i) => {
    assert.ok(Math.abs(value - b[i]) <= 1e-5, `output ${i}: ${value}, expected ${b[i]}`)
  })
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'batch.json'), JSON.stringify(batch))
  return folder
}

const READ = `
import json, os, sys
import numpy as np
folder = sys.argv[1]
batch = json.load(open(os.path.join(folder, "batch.json")))
states, items = (np.array(batch[name], dtype=np.float32) for name in ("states", "items"))
def told(logits, value):
    return {"logits": np.asarray(logits).tolist(), "value": np.asarray(value).tolist()}
`

const frameworks = {
  torch: `
import torch, torch_towers
model = torch_towers.load(f"{folder}/ours.safetensors")
states, items = torch.from_numpy(states), torch.from_numpy(items)
def outputs():
    with torch.no_grad():
        return told(*model(states, items))
before = outputs()
optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
logits, value = model(states, items)
loss = torch.nn.functional.cross_entropy(logits, torch.zeros(len(states), dtype=torch.long)) + ((value - 1) ** 2).mean()
loss.backward()
optimiser.step()
`,
  tensorflow: `
import tensorflow as tf, tensorflow_towers
model = tensorflow_towers.load(f"{folder}/ours.safetensors")
def outputs():
    return told(*model(states, items))
before = outputs()
with tf.GradientTape() as tape:
    logits, value = model(states, items)
    labels = tf.zeros(len(states), dtype=tf.int32)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)) + tf.reduce_mean((value - 1) ** 2)
variables = list(model.weights.values())
for variable, gradient in zip(variables, tape.gradient(loss, variables)):
    variable.assign_sub(0.05 * gradient)
`,
} as const

for (const [framework, script] of Object.entries(frameworks))
  test(`${framework} reads our weights, trains a step, and we read its`, async t => {
    const folder = folderOf(t)
    const model = someVersion()
    writeFileSync(join(folder, 'ours.safetensors'), safetensorsOf(model))
    const told = `${READ}${script}
model.save(f"{folder}/theirs.safetensors")
print(json.dumps([before, outputs()]))`
    const packages = ['numpy', 'safetensors', framework]
    const [before, after] = (await runPython(packages, told, [folder])) as [Outputs, Outputs]
    const ours = outputsOf(model)
    assertSame(before, ours)
    const trained = replaced(model, readStored(join(folder, 'theirs.safetensors')))
    assertSame(outputsOf(trained), after)
    // each of the weights counts: a step moves the outputs far beyond the bound
    assert.ok(
      Math.abs(after.value[0] - ours.value[0]) > 1e-3 && Math.abs(after.logits[0][0] - ours.logits[0][0]) > 1e-3,
    )
  })

test('ONNX Runtime computes what the learner and the ranker compute', async t => {
  const folder = folderOf(t)
  const model = someVersion()
  writeFileSync(join(folder, 'ours.onnx'), onnxOf(model))
  const script = `${READ}
import onnx, onnxruntime
onnx.checker.check_model(onnx.load(f"{folder}/ours.onnx"), full_check=True)
session = onnxruntime.InferenceSession(f"{folder}/ours.onnx", providers=["CPUExecutionProvider"])
described = [[each.name, each.type, each.shape] for each in [*session.get_inputs(), *session.get_outputs()]]
metadata = session.get_modelmeta().custom_metadata_map
print(json.dumps([told(*session.run(["logits", "value"], {"state": states, "items": items})), described, metadata]))`
  const [found, described, metadata] = (await runPython(['numpy', 'onnx', 'onnxruntime'], script, [folder])) as [
    Outputs,
    unknown,
    unknown,
  ]
  assertSame(found, outputsOf(model))
  const { weights } = decodeWeights(model)
  const network = createNetwork(await loadTensorFlow(), shape).forward(weights, {
    states: Float32Array.from(batch.states.flat()),
    items: Float32Array.from(batch.items.flat(2)),
    size,
    candidates,
  })
  const rows = Array.from({ length: size }, (_, b) => [
    ...network.logits.subarray(b * candidates, (b + 1) * candidates),
  ])
  assertSame(found, { logits: rows, value: [...network.values] })
  assert.deepEqual(described, [
    ['state', 'tensor(float)', ['batch', shape.stateDimensions]],
    ['items', 'tensor(float)', ['batch', 'candidates', shape.itemDimensions]],
    ['logits', 'tensor(float)', ['batch', 'candidates']],
    ['value', 'tensor(float)', ['batch']],
  ])
  assert.deepEqual(metadata, { policy: 'default', version: '1', algorithm: 'two-tower' })
})

test('the reference implementation writes the same bytes', async t => {
  const folder = folderOf(t)
  const file = join(folder, 'ours.safetensors')
  writeFileSync(file, safetensorsOf(someVersion()))
  const script = `
import json, sys
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
with safe_open(sys.argv[1], "np") as file:
    metadata = file.metadata()
save_file(load_file(sys.argv[1]), sys.argv[1] + ".again")
print(json.dumps(metadata))`
  const metadata = await runPython(['numpy', 'safetensors'], script, [file])
  const { tensors, metadata: ours } = readStored(file)
  assert.deepEqual(metadata, Object.fromEntries(ours))
  assert.deepEqual(readFileSync(`${file}.again`), encodeSafetensors(tensors))
})

test('pyarrow reads the transitions, with their types', { timeout: 120_000 }, async t => {
  const { context } = await openSessions(t)
  const file = join(folderOf(t), 'transitions.parquet')
  const { rows } = await exportTransitions(context, 'default', file)
  const script = `
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
types = {field.name: f"{field.type}{'?' if field.nullable else ''}" for field in table.schema}
def plain(value):
    return value.timestamp() * 1000 if hasattr(value, "timestamp") else dict(value) if isinstance(value, list) and value and isinstance(value[0], tuple) else value
rows = [{name: plain(value) for name, value in row.items()} for row in table.to_pylist()]
print(json.dumps([types, rows]))`
  const [types, found] = (await runPython(['pyarrow'], script, [file])) as [Record<string, string>, Row[]]
  assert.equal(found.length, rows)
  const ours = (await parquetReadObjects({ file: await asyncBufferFromFile(file) })) as Row[]
  const plain = (value: unknown) => (value instanceof Date ? value.getTime() : (value ?? null))
  const empty = (value: unknown) => (Array.isArray(value) && value.length === 0 ? {} : value)
  found.forEach((row, i) => {
    for (const name of Object.keys(columns))
      assert.deepEqual(name === 'rewards' ? empty(row[name]) : row[name], plain(ours[i][name]), `row ${i}, ${name}`)
  })
  assert.match(types.rewards, /^map<string, double\b/)
  const some = ['state', 'candidates', 'action', 'discount', 'next_state', 'terminated', 'decision_time']
  assert.deepEqual(
    some.map(name => types[name]),
    [
      'list<element: float not null>',
      'list<element: string not null>',
      'int32',
      'double?',
      'list<element: float not null>?',
      'bool',
      'timestamp[ms, tz=UTC]',
    ],
  )
})

type Row = Record<string, unknown>

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

const [trainer, agent] = blocksOf('python')

test('docs/exchange.md: its trainer learns from our transitions, and we take its weights', {
  timeout: 120_000,
}, async t => {
  const { context } = await openSessions(t)
  const folder = folderOf(t)
  await exportTransitions(context, 'default', join(folder, 'transitions.parquet'))
  const small = { stateDimensions: 6, itemDimensions: 3, hidden: 16, embedding: 8 }
  const checkpoint = { baseVersion: null, ...encodeTraining(startTraining(small, 1), small) }
  const model = versionOf(checkpoint, { algorithm: 'two-tower' })
  writeFileSync(join(folder, 'model.safetensors'), safetensorsOf(model))
  await runProgram(['numpy', 'pyarrow', 'safetensors', 'torch'], ['-c', trainer], folder)
  const trained = replaced(model, readStored(join(folder, 'trained.safetensors')))
  const [was, is] = [model, trained].map(each => decodeWeights(each).weights)
  for (const name of ['value/weights', 'user/embedding/weights', 'item/hidden/weights'] as const)
    assert.ok(
      is[name].some((value, i) => value !== was[name][i]),
      name,
    )
})

test('docs/exchange.md: its agent plays in our environment', async t => {
  const door = await openEnvironmentDoor(openEnvironment('e-commerce'), { host: '127.0.0.1', port: 0, episodes: 8 })
  t.after(() => door.close())
  const program = agent.replace('http://127.0.0.1:8090', `http://127.0.0.1:${door.port}`)
  assert.notEqual(program, agent)
  assert.ok(Number.isFinite(await runPython(['numpy', 'gymnasium'], program, [])))
})
