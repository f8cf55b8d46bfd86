/** Logs of others: what is refused without exact propensities, and a baseline that the policy starts from. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PropensityKind, Transition } from '../../../schemas/records.ts'
import { parseConfig } from '../../../src/config.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { type TwoTowerOptions, twoTowerLearner } from '../../../src/learner/two-tower/learner.ts'
import { loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, publish } from '../examples.ts'

const tensorflow = await loadTensorFlow()
const config = parseConfig({
  features: { dimensions: 2 },
  policies: [{ algorithm: 'two-tower', explorer: { name: 'softmax' } }],
}).policies[0]
const items = [Float32Array.of(1, 0), Float32Array.of(0, 1)]
const kinds: readonly PropensityKind[] = ['exact', 'estimated', 'deterministic', 'unknown']

const options: TwoTowerOptions = {
  ...config.twoTower,
  stateDimensions: 3,
  itemDimensions: 2,
  hidden: 8,
  embedding: 4,
  learningRate: 0.01,
  batchSize: 64,
  bufferSize: 2000,
  stepsPerBatch: 1,
  seed: 1,
  bootstraps: false,
}
const newLearner = (changes: Partial<TwoTowerOptions> = {}) => twoTowerLearner({ ...options, ...changes }, tensorflow)
const example = (changes: Partial<Transition> = {}): Example =>
  exampleOf(Float64Array.of(1, 0.5, -0.5), changes, { candidates: items })
const apprentice = { mode: 'apprentice', chosen_by: 'baseline', propensity_kind: 'unknown' } as const

/** Context 1: item a by 9 in 10, context -1: item b; what the baseline shows earns nothing. */
function baselineLog(learner: Learner, batches: number, changes: Partial<Transition> = {}): Example[] {
  const random = createRandom(5)
  return Array.from({ length: batches }, (_, n) => {
    const examples = Array.from({ length: 64 }, (_, i) => {
      const context = random.uniform() < 0.5 ? 1 : -1
      const usual = random.uniform() < 0.9
      const action = context > 0 === usual ? 'a' : 'b'
      const logged = { ...apprentice, transition_id: `${n}/${i}`, action: [action], first_draw_propensity: 0 }
      return exampleOf(Float64Array.of(1, context, 0), { ...logged, ...changes }, { candidates: items })
    })
    learner.learn(examples)
    return examples
  }).flat()
}

const chanceOfFirst = (learner: Learner, context: number): number => {
  const policy = loadPolicy(publish(learner, '1', true), config)
  const { mean } = policy.scorer(Float64Array.of(1, context, 0), { itemIds: ['a', 'b'], vectors: items })
  return 1 / (1 + Math.exp(mean[1] - mean[0]))
}

describe('a policy that needs propensities', () => {
  for (const kind of kinds)
    for (const mode of ['online', 'apprentice', 'logging_only'] as const)
      test(`${kind}, ${mode}: ${kind === 'exact' ? 'learned' : 'refused'}`, () => {
        const { learned, refused, stats } = newLearner().learn([example({ propensity_kind: kind, mode })])
        const expected = kind === 'exact' ? [1, {}, 1] : [0, { propensity_not_exact: 1 }, 0]
        assert.deepEqual([learned, refused, stats.updates], expected)
      })
})

describe('imitation', () => {
  test('fits the probabilities of the baseline', () => {
    const learner = newLearner({ imitate: true })
    baselineLog(learner, 300)
    const chances = [chanceOfFirst(learner, 1), chanceOfFirst(learner, -1)]
    assert.ok(Math.abs(chances[0] - 0.9) < 0.06, `${chances}`)
    assert.ok(Math.abs(chances[1] - 0.1) < 0.06, `${chances}`)
  })

  for (const kind of kinds)
    test(`${kind} propensities in apprentice mode: ${kind === 'exact' ? 'learned from rewards' : 'imitated'}`, () => {
      const { learned, stats } = newLearner({ imitate: true }).learn([
        example({ ...apprentice, propensity_kind: kind }),
      ])
      assert.deepEqual([learned, 'imitation_loss' in stats], [1, kind !== 'exact'])
    })

  test('once the policy decides itself nothing is imitated any more', () => {
    const { refused } = newLearner({ imitate: true }).learn([example({ ...apprentice, mode: 'online' })])
    assert.deepEqual(refused, { propensity_not_exact: 1 })
  })

  test('a late reward of what was imitated finds it; the choice is learned once', () => {
    const learner = newLearner({ imitate: true })
    const log = example(apprentice)
    const late = example({ ...apprentice, kind: 'reward', revision: 1, cumulative: { click: 1 } })
    learner.learn([log])
    assert.deepEqual(learner.learn([late]).refused, {})
    assert.equal(learner.learn([late]).stats.buffer, 1)
  })

  test('is where the policy starts: rewards then teach it better than the baseline', () => {
    const learner = newLearner({ imitate: true })
    baselineLog(learner, 300)
    const random = createRandom(8)
    // the baseline had it the wrong way round
    for (let n = 0; n < 400; n++)
      learner.learn(
        Array.from({ length: 64 }, (_, i) => {
          const context = random.uniform() < 0.5 ? 1 : -1
          const action = random.uniform() < 0.5 ? 'a' : 'b'
          const click = context > 0 === (action === 'b') ? 1 : 0
          const made = { transition_id: `on/${n}/${i}`, action: [action], cumulative: { click } }
          return exampleOf(Float64Array.of(1, context, 0), made, { candidates: items })
        }),
      )
    assert.ok(chanceOfFirst(learner, 1) < 0.2 && chanceOfFirst(learner, -1) > 0.8)
  })
})
