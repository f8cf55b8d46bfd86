import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { encodeTensor } from '../../src/learner/tensors.ts'
import { createPolicyLoader, loadPolicy } from '../../src/models/load.ts'
import { createRandom } from '../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../learner/examples.ts'

const d = 4
const policyConfig = (weights: Record<string, number> = { click: 1 }) =>
  parseConfig({
    policies: [{ rewards: Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, { weight }])) }],
  }).policies[0]
const newLearner = (halfLifeMs = 0) =>
  createLinearLearner({ ...plainFeatures(d), priorPrecision: 2, maxItems: 9, halfLifeMs, maxCheckpointBytes: 1 << 24 })
const candidates = (...itemIds: string[]) => ({ itemIds, vectors: itemIds.map(() => new Float32Array(2)) })
const close = (a: number, b: number, within = 1e-9) => assert.ok(Math.abs(a - b) < within, `${a} against ${b}`)

/** Solves M x = y by Gaussian elimination: the plain way, to compare with. */
function solve(m: number[][], y: readonly number[]): number[] {
  const rows = m.map((row, i) => [...row, y[i]])
  for (let i = 0; i < rows.length; i++)
    for (let r = 0; r < rows.length; r++) {
      if (r === i) continue
      const factor = rows[r][i] / rows[i][i]
      rows[r] = rows[r].map((value, c) => value - factor * rows[i][c])
    }
  return rows.map((row, i) => row.at(-1)! / row[i])
}

function history(n: number, seed = 5) {
  const random = createRandom(seed)
  return Array.from({ length: n }, (_, i) => ({
    x: Float64Array.from({ length: d }, random.normal),
    r: random.normal(),
    view: random.normal(),
    time: 1000 + i,
  }))
}
const learnAll = (learner: ReturnType<typeof newLearner>, data: ReturnType<typeof history>, action = 'a') =>
  learner.learn(
    data.map(({ x, r, view, time }) =>
      exampleOf(x, { action: [action], delta: { click: r, view }, decision_time_ms: time }),
    ),
  )

describe('a linear-Gaussian policy', () => {
  for (const halfLifeMs of [0, 32])
    test(`mean and deviation are those of ridge regression, half-life ${halfLifeMs} ms`, () => {
      const learner = newLearner(halfLifeMs)
      const data = history(33)
      learnAll(learner, data)
      const policy = loadPolicy(publish(learner, '1', true), policyConfig({ click: 1, view: 0.5 }))
      const m = Array.from({ length: d }, (_, i) => Array.from({ length: d }, (_, j) => (i === j ? 2 : 0)))
      const y = new Array<number>(d).fill(0)
      for (const { x, r, view, time } of data) {
        const w = halfLifeMs ? 2 ** ((time - 1032) / halfLifeMs) : 1
        for (let i = 0; i < d; i++) {
          y[i] += w * (r + 0.5 * view) * x[i]
          for (let j = 0; j < d; j++) m[i][j] += w * x[i] * x[j]
        }
      }
      const x = Float64Array.of(1, -1, 0.5, 2)
      const theta = solve(m, y)
      const inverse = solve(m, [...x])
      const scorer = policy.scorer(x, candidates('a'))
      close(
        scorer.mean[0],
        theta.reduce((sum, value, i) => sum + value * x[i], 0),
      )
      // served in float32
      close(scorer.deviation![0], Math.sqrt(inverse.reduce((sum, value, i) => sum + value * x[i], 0)), 1e-7)
    })

  test('an item without a block has the prior', () => {
    const policy = loadPolicy(publish(newLearner(), '1', true), policyConfig())
    const scorer = policy.scorer(Float64Array.of(3, 0, 4, 0), candidates('new'))
    assert.equal(scorer.mean[0], 0)
    close(scorer.deviation![0], 5 / Math.SQRT2)
  })

  for (const size of [1e-6, 1, 1e6, 1e18, 1e30, 1e60])
    test(`no deviation exceeds the most that it may be, all are numbers, with states of size ${size}`, () => {
      const learner = newLearner()
      for (const [i, item] of ['a', 'b', 'c'].entries()) learnAll(learner, history(1 + 40 * i), item)
      // nothing was seen of it, so its deviation is the prior's, but for what the kernel rounds
      learnAll(
        learner,
        history(1).map(each => ({ ...each, x: new Float64Array(d) })),
        'e',
      )
      const policy = loadPolicy(publish(learner, '1', true), policyConfig())
      for (const { x } of history(50, 8)) {
        const state = x.map(each => size * each)
        const { deviations } = policy.scorer(state, candidates('a', 'b', 'c', 'd', 'e'))
        const most = deviations!.most.slice()
        for (let k = 0; k < most.length; k++) {
          const deviation = deviations!.of(k)
          assert.ok(deviation > 0 && deviation <= most[k], `${deviation} of ${most[k]}`)
          assert.equal(deviations!.most[k], deviation)
        }
        const again = policy.scorer(state, candidates('a', 'b', 'c', 'd', 'e'))
        assert.deepEqual(again.deviation, deviations!.most)
        assert.ok(again.deviation![2] < 0.9 * most[2], 'what was learned shows')
        assert.ok(most[2] < most[3], 'and in the bound too')
      }
    })

  test('nobody is so sure that nothing is left of the deviation', () => {
    const learner = newLearner()
    // one state of a size at which the prior is lost in rounding
    learnAll(
      learner,
      history(20).map(each => ({ ...each, x: new Float64Array(d).fill(1e9) })),
      'a',
    )
    const policy = loadPolicy(publish(learner, '1', true), policyConfig())
    const { deviations } = policy.scorer(new Float64Array(d).fill(1e9), candidates('a', 'b'))
    assert.ok(deviations!.most[0] > 0 && deviations!.of(0) > 0)
    assert.ok(deviations!.most[0] < 1e-5 * deviations!.most[1])
  })

  test('weights change without a reset', () => {
    const learner = newLearner()
    learnAll(learner, history(9))
    const model = publish(learner, '1', true)
    const x = Float64Array.of(1, 1, 1, 1)
    const meanWith = (weights: Record<string, number>) =>
      loadPolicy(model, policyConfig(weights)).scorer(x, candidates('a')).mean[0]
    close(meanWith({ click: 2, view: -3 }), 2 * meanWith({ click: 1, view: 0 }) - 3 * meanWith({ click: 0, view: 1 }))
  })

  test('a state of other dimensions is refused', () => {
    const policy = loadPolicy(publish(newLearner(), '1', true), policyConfig())
    assert.throws(
      () => policy.scorer(new Float64Array(3), candidates('a')),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })
})

describe('loading', () => {
  test('increments give the same policy as the full checkpoint, and leave the older policy as it was', () => {
    const learner = newLearner()
    const loader = createPolicyLoader(policyConfig())
    const x = Float64Array.of(1, 2, 0, 1)
    learnAll(learner, history(5), 'a')
    learnAll(learner, history(5, 6), 'b')
    const first = loader.load(publish(learner, '1', true))
    const before = first.scorer(x, candidates('a', 'b')).mean
    learnAll(learner, history(5, 7), 'b')
    const second = loader.load(publish(learner, '2', false)).scorer(x, candidates('a', 'b'))
    const whole = loadPolicy(publish(learner, '3', true), policyConfig()).scorer(x, candidates('a', 'b'))
    assert.deepEqual(second.mean, whole.mean)
    assert.deepEqual(second.deviation, whole.deviation)
    assert.deepEqual(first.scorer(x, candidates('a', 'b')).mean, before)
    assert.notEqual(before[1], second.mean[1])
  })

  test('in pieces, one an item at least, it is the policy that it is at once, and what was asked for before is ready', () => {
    const learner = newLearner()
    const [loader, other] = [createPolicyLoader(policyConfig()), createPolicyLoader(policyConfig())]
    const x = Float64Array.of(1, 2, 0, 1)
    const asked = candidates('a', 'b', 'c')
    const inPieces = (model: ModelVersion) => {
      const pieces = loader.loading(model)
      for (let count = 0; ; count++) {
        const { done, value } = pieces.next()
        if (done) return { count, policy: value }
      }
    }
    for (const [version, isFull] of [
      ['1', true],
      ['2', false],
      ['3', true],
    ] as const) {
      learnAll(learner, history(5, 6), version === '2' ? 'b' : 'a')
      learnAll(learner, history(5, 7), 'c')
      const model = publish(learner, version, isFull)
      const { count, policy } = inPieces(model)
      const changed = model.tensors.filter(({ name }) => name.startsWith('item/')).length
      // a piece for each block, one for its posterior, and where something was asked before one for what scoring reads
      assert.ok(count >= (version === '1' ? 2 : 3) * changed, `${count} pieces for ${changed} items`)
      const atOnce = other.load(model).scorer(x, asked)
      assert.deepEqual(policy.scorer(x, asked).mean, atOnce.mean)
      assert.deepEqual(policy.scorer(x, asked).deviation, atOnce.deviation)
    }
  })

  test('an increment whose base is not known: MODEL_INCOMPATIBLE, and the next full checkpoint loads', () => {
    const learner = newLearner()
    learnAll(learner, history(5))
    learner.snapshot('1', true)
    const loader = createPolicyLoader(policyConfig())
    assert.throws(
      () => loader.load(publish(learner, '2', false)),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
    assert.equal(loader.load(publish(learner, '3', true)).version, '3')
  })

  const good = () => {
    const learner = newLearner()
    learnAll(learner, history(5))
    return publish(learner, '1', true)
  }
  const bad = {
    MODEL_NOT_FINITE: () => {
      const model = good()
      model.tensors[0].data.writeDoubleLE(Number.NaN, 8 * 5)
      return model
    },
    MODEL_INCOMPATIBLE: () => ({ ...good(), algorithm: 'two-tower' }),
    'MODEL_INCOMPATIBLE (shape)': () => ({ ...good(), tensors: [encodeTensor('item/a', new Float64Array(6))] }),
    'MODEL_INCOMPATIBLE (parameters)': () => ({ ...good(), parameters: {} }),
  }
  for (const [code, make] of Object.entries(bad))
    test(code, () => {
      assert.throws(
        () => loadPolicy(make(), policyConfig()),
        error => isCode(error, code.split(' ')[0] as 'MODEL_NOT_FINITE'),
      )
    })
})
