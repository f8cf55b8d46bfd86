/**
 * Part of `npm run test:python`: PyTorch and TensorFlow read what we write, compute what we compute, and we read what they
 * trained; ONNX Runtime computes it from the ONNX model. All within 1e-5.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ModelVersion } from '../../schemas/records.ts'
import { onnxOf } from '../../src/exchange/onnx/towers.ts'
import { safetensorsOf } from '../../src/exchange/weights/export.ts'
import { readStored } from '../../src/exchange/weights/import.ts'
import { replaced } from '../../src/exchange/weights/replacing.ts'
import { encodeSafetensors } from '../../src/exchange/weights/safetensors.ts'
import { loadTensorFlow } from '../../src/learner/tensorflow.ts'
import { createNetwork } from '../../src/learner/towers/network.ts'
import { createTowers, logit } from '../../src/learner/towers/towers.ts'
import { decodeWeights, encodeTraining, startTraining } from '../../src/learner/towers/training.ts'
import { createRandom } from '../../src/state/random.ts'
import { versionOf } from '../learner/examples.ts'
import { folderOf } from './folder.ts'
import { runPython } from './with-python.ts'

const shape = { stateDimensions: 12, itemDimensions: 7, hidden: 16, embedding: 8 }
const size = 9
const candidates = 5

interface Outputs {
  /** [batch, candidates], with several heads [batch, candidates, heads]. */
  readonly logits: readonly (readonly (number | readonly number[])[])[]
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
function someVersion(heads: number): ModelVersion {
  const training = startTraining({ ...shape, heads }, 11)
  for (const values of Object.values(training.weights))
    for (let i = 0; i < values.length; i++) values[i] += 0.3 * (2 * random.uniform() - 1)
  const algorithm = heads === 1 ? 'two-tower' : 'slate-q'
  return versionOf({ baseVersion: null, ...encodeTraining(training, { ...shape, heads }) }, { algorithm })
}

/** As it serves. */
function outputsOf(model: ModelVersion): Outputs {
  const { shape, weights } = decodeWeights(model)
  const { heads = 1 } = shape
  const towers = createTowers(weights)
  const logitsOf = (user: Float32Array, item: Float32Array) => {
    const all = Array.from({ length: heads }, (_, head) => logit(user, item, head, heads))
    return heads === 1 ? all[0] : all
  }
  const users = batch.states.map(state => towers.user(Float64Array.from(state)))
  return {
    logits: users.map(({ embedding }, b) =>
      batch.items[b].map(item => logitsOf(embedding, towers.embed(Float32Array.from(item)))),
    ),
    value: users.map(({ value }) => value),
  }
}

function assertSame(found: Outputs, expected: Outputs): void {
  const flat = ({ logits, value }: Outputs) => [...logits.flat(2), ...value]
  const [a, b] = [flat(found), flat(expected)]
  assert.ok(a.length >= size * (candidates + 1))
  assert.equal(a.length, b.length)
  a.forEach((value, i) => {
    assert.ok(Math.abs(value - b[i]) <= 1e-5, `output ${i}: ${value}, expected ${b[i]}`)
  })
}

const apart = (a: Outputs['logits'], b: Outputs['logits']): number =>
  Math.abs((a.flat(2)[0] as number) - (b.flat(2)[0] as number))

function folderWithBatch(t: TestContext): string {
  const folder = folderOf(t)
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
loss = torch.nn.functional.cross_entropy(logits.flatten(1), torch.zeros(len(states), dtype=torch.long)) + ((value - 1) ** 2).mean()
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
    logits = tf.reshape(logits, [len(states), -1])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)) + tf.reduce_mean((value - 1) ** 2)
variables = list(model.weights.values())
for variable, gradient in zip(variables, tape.gradient(loss, variables)):
    variable.assign_sub(0.05 * gradient)
`,
} as const

const cases = [
  ['torch', 1],
  ['torch', 2],
  ['tensorflow', 1],
  ['tensorflow', 2],
] as const

for (const [framework, heads] of cases)
  test(`${framework} reads our weights of ${heads === 1 ? 'one head' : 'two heads'}, trains a step, and we read its`, async t => {
    const folder = folderWithBatch(t)
    const model = someVersion(heads)
    writeFileSync(join(folder, 'ours.safetensors'), safetensorsOf(model))
    const told = `${READ}${frameworks[framework]}
model.save(f"{folder}/theirs.safetensors")
print(json.dumps([before, outputs()]))`
    const packages = ['numpy', 'safetensors', framework]
    const [before, after] = (await runPython(packages, told, [folder])) as [Outputs, Outputs]
    const ours = outputsOf(model)
    assertSame(before, ours)
    const trained = replaced(model, readStored(join(folder, 'theirs.safetensors')))
    assertSame(outputsOf(trained), after)
    // each of the weights counts: a step moves the outputs far beyond the bound
    assert.ok(Math.abs(after.value[0] - ours.value[0]) > 1e-3 && apart(after.logits, ours.logits) > 1e-3)
  })

for (const heads of [1, 2])
  test(`ONNX Runtime computes what the learner and the ranker compute, ${heads === 1 ? 'one head' : 'two heads'}`, async t => {
    const folder = folderWithBatch(t)
    const model = someVersion(heads)
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
    const network = createNetwork(await loadTensorFlow(), { ...shape, heads }).forward(weights, {
      states: Float32Array.from(batch.states.flat()),
      items: Float32Array.from(batch.items.flat(2)),
      size,
      candidates,
    })
    assertSame(found, { logits: [[...network.logits]], value: [...network.values] })
    assert.deepEqual(described, [
      ['state', 'tensor(float)', ['batch', shape.stateDimensions]],
      ['items', 'tensor(float)', ['batch', 'candidates', shape.itemDimensions]],
      ['logits', 'tensor(float)', ['batch', 'candidates', ...(heads > 1 ? [heads] : [])]],
      ['value', 'tensor(float)', ['batch']],
    ])
    assert.deepEqual(metadata, { policy: 'default', version: '1', algorithm: model.algorithm })
  })

test('the reference implementation writes the same bytes', async t => {
  const folder = folderWithBatch(t)
  const file = join(folder, 'ours.safetensors')
  writeFileSync(file, safetensorsOf(someVersion(2)))
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
