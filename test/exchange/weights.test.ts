/** Weights out of the log and into it: beside a learner that runs, into a log without any, and what is refused. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelVersion, Tensor } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { type FeedloopError, isCode } from '../../src/errors.ts'
import { safetensorsOf, versionToExport } from '../../src/exchange/weights/export.ts'
import { importWeights, readStored } from '../../src/exchange/weights/import.ts'
import { replaced } from '../../src/exchange/weights/replacing.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/exchange/weights/safetensors.ts'
import { createLearner } from '../../src/learner/create.ts'
import { decodeTensor, encodeTensor } from '../../src/learner/tensors.ts'
import { initialParameters, parameterNames, parameterShapes } from '../../src/learner/towers/parameters.ts'
import { decodeTraining, decodeWeights, encodeTraining, startTraining } from '../../src/learner/towers/training.ts'
import { loadPolicy } from '../../src/models/load.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { exampleOf, publish, versionOf } from '../learner/examples.ts'
import { openBus } from '../models/bus.ts'
import { did, openLive, publishItems, request } from '../operate/live.ts'
import { folderOf } from './folder.ts'

const input: ConfigInput = {
  features: { dimensions: 3 },
  state: { blocks: ['history', 'context'], contextDimensions: 2 },
  policies: [{ algorithm: 'two-tower', explorer: { name: 'softmax' }, twoTower: { hidden: 5, embedding: 4 } }],
}
const config = parseConfig(input)
const shape = { stateDimensions: 1 + 3 + 2, itemDimensions: 3, hidden: 5, embedding: 4, heads: 2 }
const shapes = parameterShapes(shape)

/** Weights as another program would write them. */
const foreign = (seed: number): Tensor[] => {
  const weights = initialParameters(shape, seed)
  return parameterNames.map(name => encodeTensor(`weights/${name}`, weights[name], shapes[name]))
}
const weightsIn = (tensors: readonly Tensor[]) =>
  new Map(
    tensors.filter(({ name }) => name.startsWith('weights/')).map(({ name, data }) => [name, data.toString('hex')]),
  )

function fileWith(t: TestContext, bytes: Buffer): string {
  const file = join(folderOf(t), 'model.safetensors')
  writeFileSync(file, bytes)
  return file
}

test('into a log without a version, out of it, and in again: the very same', { timeout: 60_000 }, async t => {
  const context = await openBus(config)
  t.after(() => context.log.close())
  const given = foreign(7)
  const first = await importWeights(context, 'default', fileWith(t, encodeSafetensors(given)), 30_000)
  assert.deepEqual([first.version, first.parent, first.parameters.adam_steps], ['000000000001', null, 0])
  assert.deepEqual(weightsIn(first.tensors), weightsIn(given))
  const exported = await versionToExport(context, 'default')
  assert.deepEqual(exported.tensors, first.tensors)
  const trained = { ...exported, parameters: { ...exported.parameters, adam_steps: 3, draws: 4 } }
  const second = await importWeights(context, 'default', fileWith(t, safetensorsOf(trained)), 30_000)
  assert.deepEqual([second.version, second.parent], ['000000000002', '000000000001'])
  assert.deepEqual([second.tensors, second.parameters], [trained.tensors, trained.parameters])
  assert.deepEqual(await versionToExport(context, 'default', '000000000001'), exported)
  await assert.rejects(versionToExport(context, 'default', '000000000009'), has('DATA_MISSING'))
  await assert.rejects(versionToExport(context, 'nobody'), has('USAGE'))
})

test('beside a learner that runs: it serves them and learns on from them', { timeout: 120_000 }, async t => {
  const live = await openLive(t, { ...input, gate: { maxKl: 1000 } })
  await publishItems(live, ['a', 'b', 'c'])
  await live.start()
  const decide = async (): Promise<void> => {
    const asked = request('ann')
    await live.append('requests', 'ann', asked)
    await live.append('events', 'ann', did('ann', 'click', { decision_id: asked.request_id, item_id: 'a' }))
    await live.settled()
  }
  await decide()
  const before = await newest(live.context)
  assert.ok(before.transitions > 0)
  const given = foreign(7)
  const imported = await importWeights(live.context, 'default', fileWith(t, encodeSafetensors(given)), 30_000)
  assert.deepEqual(weightsIn(imported.tensors), weightsIn(given))
  assert.deepEqual([imported.contains, imported.transitions], [before.contains, before.transitions])
  const served = async () => (await live.decisions()).at(-1)!.model_version
  for (let i = 0; i < 50 && (await served()) < imported.version; i++) await decide()
  assert.ok((await served()) >= imported.version, `served is ${await served()}, imported ${imported.version}`)
  const after = await newest(live.context)
  assert.ok(after.version > imported.version && after.transitions > imported.transitions)
  const [was, is] = [imported, after].map(model => decodeWeights(model).weights['user/hidden/weights'])
  const moved = is.map((value, i) => Math.abs(value - was[i]))
  const steps = after.parameters.adam_steps
  assert.ok(steps > 0)
  // Adam moves a weight by its rate a step, and by little more
  assert.ok(Math.max(...moved) > 0 && Math.max(...moved) < 0.002 * steps, `${Math.max(...moved)} in ${steps} steps`)
})

async function newest(context: Parameters<typeof versionToExport>[0]): Promise<ModelVersion> {
  for (let tries = 0; ; tries++)
    try {
      return await versionToExport(context, 'default')
    } catch (error) {
      if (tries > 100 || !isCode(error, 'DATA_MISSING')) throw error
      await sleep(50)
    }
}

const has = (code: FeedloopError['code']) => (error: Error) => isCode(error, code)

describe('a file of other sizes says what to set', () => {
  type Settings = NonNullable<ConfigInput['policies']>[number]
  /** Weights of the algorithm as they are by those settings, into what is there by its defaults. */
  const refusal = async (
    algorithm: 'two-tower' | 'slate-q' | 'classifier',
    settings: Settings,
    { features, state } = input,
  ) => {
    const version = async (world: Pick<ConfigInput, 'features' | 'state'>, own: Settings) => {
      const config = parseConfig({ ...world, policies: [{ algorithm, ...own }] })
      const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
      return { ...publish(learner, '1', true), algorithm }
    }
    const [ours, other] = [
      await version({ features: input.features, state: input.state }, {}),
      await version({ features, state }, settings),
    ]
    const weights = other.tensors.filter(({ name }) => name.startsWith('weights/'))
    try {
      replaced(ours, decodeSafetensors(encodeSafetensors(weights)))
    } catch (error) {
      assert.ok(isCode(error, 'MODEL_INCOMPATIBLE'))
      return /configured is [^:]*: for this file set (.*)$/
        .exec((error as Error).message)?.[1]
        .split('; ')
        .sort()
    }
  }
  const cases: [string, Parameters<typeof refusal>, readonly string[]][] = [
    [
      'the network, all of it at once',
      ['two-tower', { twoTower: { hidden: 7, embedding: 3 } }],
      [
        'policies[].twoTower.embedding to 3 (it is 32, 2 heads side by side)',
        'policies[].twoTower.hidden to 7 (it is 64)',
      ],
    ],
    [
      'an embedding of two heads',
      ['slate-q', { slateQ: { embedding: 3 } }],
      ['policies[].slateQ.embedding to 3 (it is 32, 2 heads side by side)'],
    ],
    [
      'vectors of items, of which the state holds a mean',
      ['two-tower', {}, { ...input, features: { dimensions: 9 } }],
      [
        'features.dimensions to 9 (it is 3)',
        'state.blocks, and the dimensions of each, so that a state has 12 numbers, its leading 1 included (it has 6)',
      ],
    ],
    [
      'a classifier',
      ['classifier', { classifier: { hidden: 6, maxActions: 9 } }],
      ['policies[].classifier.hidden to 6 (it is 64)', 'policies[].classifier.maxActions to 9 (it is 64)'],
    ],
  ]
  for (const [name, args, settings] of cases) test(name, async () => assert.deepEqual(await refusal(...args), settings))
})

describe('a file that is not of this network', () => {
  const checkpoint = { baseVersion: null, ...encodeTraining(startTraining(shape, 1), shape) }
  const model = versionOf(checkpoint, { algorithm: 'two-tower' })
  const stored = (tensors: readonly Tensor[], metadata: Record<string, string> = {}) =>
    decodeSafetensors(encodeSafetensors(tensors, metadata))
  const [first, ...others] = foreign(7)
  const cases: [string, readonly Tensor[], RegExp, FeedloopError['code']?][] = [
    ['lacks a tensor', others, /weights\/user\/hidden\/weights is not in the file/],
    [
      'names one that is none',
      [...others, { ...first, name: 'linear.weight' }],
      /"linear.weight" is none of two-tower/,
    ],
    [
      'holds the transpose',
      [...others, { ...first, shape: [5, 6] }],
      /is 5x6 float32, configured is 6x5 float32: it is the transpose, weights are \[inputs, outputs\]$/,
    ],
    ['is in double', [...others, encodeTensor(first.name, new Float64Array(30), [6, 5])], /is 6x5 float64/],
    [
      'holds a NaN',
      [...others, encodeTensor(first.name, new Float32Array(30).fill(Number.NaN), [6, 5])],
      /user\/hidden\/weights/,
      'MODEL_NOT_FINITE',
    ],
    ['is a checkpoint without its counters', model.tensors, /no parameters in its metadata/],
  ]
  for (const [name, tensors, message, code = 'MODEL_INCOMPATIBLE'] of cases)
    test(name, () => {
      assert.throws(
        () => replaced(model, stored(tensors)),
        (error: FeedloopError) => isCode(error, code) && message.test(error.message),
      )
    })
  test('has one of two heads: it is not said to have half of an embedding, nor taken as two halves', () => {
    const model = versionOf(checkpoint, { algorithm: 'two-tower' })
    const oneHead = (embedding: number): Tensor[] => {
      const one = { ...shape, embedding, heads: 1 }
      const weights = initialParameters(one, 7)
      return parameterNames.map(name => encodeTensor(`weights/${name}`, weights[name], parameterShapes(one)[name]))
    }
    const { embedding } = shape
    const cases: [ReturnType<typeof stored>, RegExp][] = [
      [stored(oneHead(embedding)), /one of the 2 heads that lie side by side here \(docs\/exchange.md\)$/],
      [
        stored(oneHead(2 * embedding), { parameters: JSON.stringify({ embedding: 2 * embedding }) }),
        /the file's network has heads: 1, configured is 2/,
      ],
    ]
    for (const [file, message] of cases)
      assert.throws(
        () => replaced(model, file),
        (error: Error) => isCode(error, 'MODEL_INCOMPATIBLE') && message.test(error.message),
      )
  })
  test('has counters that are no numbers', () => {
    for (const parameters of ['{', '{"adam_steps":"many"}', 'null'])
      assert.throws(() => replaced(model, stored(model.tensors, { parameters })), has('MODEL_INCOMPATIBLE'))
  })
  test('is for an algorithm without a network', () => {
    assert.throws(() => replaced(versionOf({ ...checkpoint, tensors: [] }), stored([])), has('MODEL_INCOMPATIBLE'))
  })
  test('moments start anew, a copy of the network follows', () => {
    const training = startTraining(shape, 1)
    training.adam.first['value/bias'].fill(9)
    training.adam.steps = 12
    const { parameters, tensors } = encodeTraining(training, shape)
    const target = encodeTensor('target/value/bias', Float32Array.of(5))
    const model = versionOf({ baseVersion: null, parameters, tensors: [...tensors, target] })
    const after = replaced(model, stored(foreign(7)))
    const decoded = decodeTraining(after, shape)
    assert.deepEqual([decoded.adam.steps, decoded.adam.first['value/bias'][0]], [0, 0])
    const value = (name: string) => decodeTensor(after.tensors.find(each => each.name === name)!, 'float32')
    assert.deepEqual(value('target/value/bias'), value('weights/value/bias'))
    assert.equal(loadPolicy({ ...after, algorithm: 'two-tower' }, config.policies[0]).version, '1')
  })
  test('leaves out what does not follow from weights', () => {
    const posterior = encodeTensor('posterior/a', Float64Array.of(6))
    const model = versionOf({ ...checkpoint, tensors: [...checkpoint.tensors, posterior] })
    assert.throws(
      () => replaced(model, stored(foreign(7))),
      (error: Error) => isCode(error, 'MODEL_INCOMPATIBLE') && /posterior\/a of .* does not follow/.test(error.message),
    )
  })
})

const copiesIn = { 'two-tower': 0, 'v-trace': 0, dqn: 1, 'slate-q': 1, ppo: 0, a3c: 4, reinforce: 0 } as const

/** Every algorithm with nothing but networks in its checkpoint; neural-linear has a posterior. */
for (const algorithm of ['two-tower', 'v-trace', 'dqn', 'slate-q', 'ppo', 'a3c', 'reinforce'] as const)
  test(`weights into ${algorithm}, and it learns on from them`, async () => {
    const config = parseConfig({ ...input, policies: [{ algorithm, gamma: 0.9 }] })
    const [policy] = config.policies
    const create = () => createLearner(config, policy, createStateEncoder(config))
    const learner = await create()
    const model = { ...publish(learner, '1', true), algorithm }
    const given = model.tensors.filter(({ name }) => name.startsWith('weights/'))
    const moved = given.map(({ name, shape, data }) => {
      const values = decodeTensor({ name, shape, data, dtype: 'float32', chunks: [] }, 'float32')
      return encodeTensor(
        name,
        values.map(value => value + 1),
        shape,
      )
    })
    const after = replaced(model, decodeSafetensors(encodeSafetensors(moved)))
    const other = await create()
    other.restore(after)
    const again = publish(other, '2', true)
    assert.deepEqual(weightsIn(again.tensors), weightsIn(moved))
    const copies = again.tensors.filter(({ name }) => !/^(weights|adam)\//.test(name))
    assert.equal(copies.length, copiesIn[algorithm] * moved.length)
    for (const { name, data } of copies)
      assert.equal(
        data.toString('hex'),
        weightsIn(moved).get(name.replace(/^(target|workers\/\d)\//, 'weights/')),
        name,
      )
    assert.equal(loadPolicy(after, policy).version, '1')
  })

test('the whole of a network that is not what is configured is refused', { timeout: 60_000 }, async t => {
  const withDqn = (dqn: object) => parseConfig({ ...input, policies: [{ algorithm: 'dqn', gamma: 0.9, dqn }] })
  const other = withDqn({ dueling: false })
  const learner = await createLearner(other, other.policies[0], createStateEncoder(other))
  const model = { ...publish(learner, '1', true), algorithm: 'dqn' }
  const context = await openBus(withDqn({ dueling: true }))
  t.after(() => context.log.close())
  const into = (parameters: Record<string, number>) => {
    const file = safetensorsOf({ ...model, parameters: { ...model.parameters, ...parameters } })
    return importWeights(context, 'default', fileWith(t, file), 30_000)
  }
  for (const [parameters, message] of [
    [{}, /dueling" is 0, configured is 1/],
    [{ dueling: 1, hidden: 999 }, /hidden" is 999, configured is/],
    [{ dueling: 1, draws: -5 }, /counters/],
    [{ dueling: 1, value_square: -4 }, /value_square is -4/],
  ] as const)
    await assert.rejects(
      into(parameters),
      (error: Error) => has('MODEL_INCOMPATIBLE')(error) && message.test(error.message),
    )
  assert.equal((await into({ dueling: 1 })).parameters.dueling, 1)
})

test('weights alone into reinforce with a network of who logged: whole or not at all', async () => {
  const config = parseConfig({
    ...input,
    policies: [{ algorithm: 'reinforce', gamma: 0.9, reinforce: { behaviour: true } }],
  })
  const [policy] = config.policies
  const learner = await createLearner(config, policy, createStateEncoder(config))
  const model = { ...publish(learner, '1', true), algorithm: 'reinforce' }
  const alone = model.tensors.filter(({ name }) => name.startsWith('weights/'))
  assert.throws(
    () => replaced(model, decodeSafetensors(encodeSafetensors(alone))),
    (error: Error) => isCode(error, 'MODEL_INCOMPATIBLE') && /behaviour\/.* whole or not at all/.test(error.message),
  )
})

describe('weights of a classifier, whose classes are items', () => {
  const config = parseConfig({ ...input, policies: [{ algorithm: 'classifier', classifier: { maxActions: 4 } }] })
  const [policy] = config.policies
  const saw = async (...items: string[]) => {
    const learner = await createLearner(config, policy, createStateEncoder(config))
    const state = new Float64Array(createStateEncoder(config).dimensions)
    const shown = (item: string) => ({ transition_id: `${item}/0`, action: [item], mode: 'apprentice' as const })
    learner.learn(items.map(item => exampleOf(state, shown(item))))
    return { learner, model: { ...publish(learner, '1', true), algorithm: 'classifier' as const } }
  }
  const classesIn = ({ parameters }: Pick<ModelVersion, 'parameters'>) =>
    Object.fromEntries(Object.entries(parameters).filter(([name]) => name.startsWith('action/')))
  const read = (model: ModelVersion, changes: Record<string, number> = {}) =>
    decodeSafetensors(safetensorsOf({ ...model, parameters: { ...model.parameters, ...changes } }))

  test('the whole: classes are those of the file, and no others', async () => {
    const [theirs, ours] = [await saw('a', 'b', 'c'), await saw('b', 'x')]
    const after = replaced(ours.model, read(theirs.model))
    assert.deepEqual(classesIn(after), { 'action/a': 1, 'action/b': 2, 'action/c': 3 })
    assert.deepEqual([after.parameters, after.tensors], [theirs.model.parameters, theirs.model.tensors])
    const nobody = replaced(ours.model, read((await saw()).model))
    assert.deepEqual(classesIn(nobody), {})
  })
  test('weights alone: classes are those of the file where it says some, else they stay', async () => {
    const [theirs, ours] = [await saw('a'), await saw('b', 'x')]
    const weights = theirs.model.tensors.filter(({ name }) => name.startsWith('weights/'))
    const told = replaced(ours.model, read({ ...theirs.model, tensors: weights }))
    assert.deepEqual([classesIn(told), told.parameters.adam_steps], [{ 'action/a': 1 }, 0])
    const silent = replaced(ours.model, decodeSafetensors(encodeSafetensors(weights)))
    assert.deepEqual(classesIn(silent), { 'action/b': 1, 'action/x': 2 })
  })
  const wrong: readonly Record<string, number>[] = [
    { 'action/a': 5 },
    { 'action/a': 0 },
    { 'action/a': 1.5 },
    { 'action/z': 1 },
  ]
  for (const changes of wrong)
    test(`no such classes: ${JSON.stringify(changes)}`, async () => {
      const { learner, model } = await saw('a')
      const after = replaced(model, read(model, changes))
      assert.throws(() => learner.restore(after), has('MODEL_INCOMPATIBLE'))
      assert.throws(() => loadPolicy(after, policy), has('MODEL_INCOMPATIBLE'))
    })
})

test('a file that is absent, or larger than any version, is not read', t => {
  assert.throws(() => readStored('/nowhere/model.safetensors'), has('DATA_MISSING'))
  assert.throws(() => readStored(fileWith(t, Buffer.alloc((8 << 20) + (16 << 20)))), has('SAFETENSORS_INVALID'))
})
