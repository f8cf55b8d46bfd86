/** Learning from a log: what is held out tells what the policy would earn. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { BehaviorEvent, Request, Transition } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { createLearner } from '../../src/learner/create.ts'
import type { Learner } from '../../src/learner/learner.ts'
import type { LoggedRow, WarmStart } from '../../src/learner/warm-start.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom } from '../../src/state/random.ts'
import { encoderOf } from '../../src/training/encode.ts'
import { createMemory, type Memory } from '../../src/training/memory.ts'
import {
  createRehearsal,
  estimate,
  lessonOfLog,
  type RehearsalOptions,
  selfNormalised,
  type Weighted,
} from '../../src/training/rehearsal.ts'
import { event } from '../transitions/make.ts'

/** People of two kinds; each likes one of the items with .6, the other with .1. Item i0 is shown to seven of ten. */
function logOf(count: number, stated = true): WarmStart {
  const random = createRandom(6)
  const rows = Array.from({ length: count }, (_, n): LoggedRow => {
    const kind = random.uniform() < 0.5 ? 1 : -1
    const shown = random.uniform() < 0.7 ? 'i0' : 'i1'
    const liked = kind > 0 === (shown === 'i1')
    const context = { kind, ...(stated && { p: shown === 'i0' ? 0.7 : 0.3 }) }
    const id = `r${n}`
    const whose = { user_id: `u${n}`, decision_id: id, item_id: shown, time_ms: 1000 * n + 1, event_id: `c${n}` }
    const clicks: BehaviorEvent[] = random.uniform() < (liked ? 0.6 : 0.1) ? [event('click', 0, whose)] : []
    return { request: { ...requestOf(id, n), baseline: [shown], context }, events: clicks }
  })
  return { digest: 'd', rows, refused: {} }
}

const requestOf = (id: string, n: number): Request => ({
  request_id: id,
  user_id: `u${n}`,
  session_id: null,
  policy: 'default',
  time_ms: 1000 * n,
  deadline_ms: null,
  slots: 1,
  context: {},
  candidates: ['i0', 'i1'],
  baseline: null,
  excluded: null,
  pinned: null,
  deferred: false,
  explain: false,
})

type PolicyInput = NonNullable<ConfigInput['policies']>[number]
const twoTower: PolicyInput = { algorithm: 'two-tower', twoTower: { learningRate: 0.01, batchSize: 128 } }

interface Options extends Partial<RehearsalOptions> {
  readonly memoryOf?: (learner: Learner) => Memory | undefined
}

async function rehearse(policy: PolicyInput, log: WarmStart, { memoryOf, ...options }: Options = {}, stated = true) {
  const config = parseConfig({
    features: { dimensions: 4 },
    state: { blocks: ['context'], contextDimensions: 4, historyLength: 0 },
    policies: [{ warmStart: { data: 'x', mapping: 'y', ...(stated && { propensity: 'p' }) }, ...policy }],
  })
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const memory = memoryOf?.(learner)
  return createRehearsal({ config, learner, lesson: lessonOfLog(config, log), learnEvery: 256, memory, ...options })
}

describe('from a log', () => {
  test('a learner that keeps transitions goes over it until it knows who likes what', async () => {
    const trainer = await rehearse(twoTower, logOf(1500))
    assert.deepEqual([trainer.progress.decisions, trainer.tellsReward], [0, true])
    const { decisions, reward, estimate: known, sessionReturn } = trainer.run(6000)
    assert.deepEqual([decisions, sessionReturn], [6000, null])
    // .35 is what chance earns, .6 what is best: a tenth of the log knows it to within .08
    assert.ok(Math.abs(reward! - 0.6) < 0.12, String(reward))
    const { standardError, effectiveSamples } = known!
    assert.ok(standardError > 0.03 && standardError < 0.1, `± ${standardError}`)
    // about 150 are held out, half of which show what the policy would
    assert.ok(effectiveSamples > 30 && effectiveSamples < 100, `${effectiveSamples} samples`)
  })
  test('sums go over it once', async () => {
    const trainer = await rehearse({ algorithm: 'linear-gaussian' }, logOf(1500))
    const { decisions, reward } = trainer.run(5000)
    assert.ok(decisions > 1250 && decisions < 1450, `${decisions} of the 1500 that are not held out`)
    assert.ok(Math.abs(reward! - 0.6) < 0.12, String(reward))
    assert.equal(trainer.run(5000).decisions, decisions)
  })
  test('later places and what a rule masked tell nothing', async () => {
    const trainer = await rehearse(twoTower, logOf(300))
    trainer.run(256)
    const config = parseConfig({
      features: { dimensions: 4 },
      state: { blocks: ['context'], contextDimensions: 4, historyLength: 0 },
      policies: [{ warmStart: { data: 'x', mapping: 'y', propensity: 'p' }, ...twoTower }],
    })
    const { transitions, features } = lessonOfLog(config, logOf(300))
    const held = [...transitions].map(encoderOf(config, { usesCandidates: true }, features))
    const changed = (changes: Partial<Transition>) =>
      held.map(each => ({ ...each, reward: 100, transition: { ...each.transition, ...changes } }))
    const expected = estimate(config, trainer.policy!, held)
    assert.ok(expected!.certainty.effectiveSamples > 10)
    for (const more of [changed({ slot: 1 }), changed({ masked: [0] }), changed({ propensity_kind: 'unknown' })])
      assert.deepEqual(estimate(config, trainer.policy!, [...held, ...more]), expected)
  })
  test('it goes on where it was', async () => {
    const whole = await rehearse(twoTower, logOf(600))
    whole.run(512)
    const from = { progress: whole.progress, model: whole.model! }
    const next = await rehearse(twoTower, logOf(600), { from })
    assert.equal(next.policy!.version, whole.policy!.version)
    assert.equal(next.run(256).decisions, 768)
    assert.ok(Number(next.model!.version) > Number(from.model.version))
  })
  for (const bufferSize of [1000, 400])
    test(`it takes the very steps that it would have taken, with what was held of a buffer of ${bufferSize}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'feedloop-training-'))
      after(() => rmSync(folder, { recursive: true }))
      const policy = { ...twoTower, twoTower: { ...twoTower.twoTower, bufferSize } }
      const begin = async (name: string, from?: RehearsalOptions['from']) => {
        let memory: Memory | undefined
        const trainer = await rehearse(policy, logOf(600), {
          from,
          memoryOf: learner => {
            memory = createMemory(join(folder, name), learner)
            return memory
          },
        })
        return { trainer, memory: memory! }
      }
      const one = await begin('whole')
      const before = await begin('parted')
      // each goes over the log more than once, and tells more than is held, before it is kept
      for (const { trainer, memory } of [one, before]) {
        trainer.run(1024)
        memory.keep(trainer.model!)
      }
      await before.memory.close()
      const next = await begin('parted', { progress: before.trainer.progress, model: before.trainer.model! })
      one.trainer.run(512)
      next.trainer.run(512)
      assert.deepEqual(next.trainer.model, one.trainer.model)
      await Promise.all([one, next].map(({ memory }) => memory.close()))
    })
  test('without propensities nothing is known of what it would earn', async () => {
    const trainer = await rehearse(
      { ...twoTower, twoTower: { ...twoTower.twoTower, imitate: true } },
      logOf(600, false),
      {},
      false,
    )
    const { reward, estimate } = trainer.run(512)
    assert.deepEqual([trainer.tellsReward, reward, estimate], [false, null, undefined])
  })
  test('who learns from their own decisions alone is refused, but for what is imitated', async () => {
    for (const algorithm of ['ppo', 'a3c'] as const) {
      const isRefused = (error: Error) => isCode(error, 'USAGE') && error.message.includes(`${algorithm} uses`)
      await assert.rejects(rehearse({ algorithm }, logOf(60)), isRefused)
      const imitating = { algorithm, [algorithm]: { imitate: true, batchSize: 32 } }
      const trainer = await rehearse(imitating, logOf(60, false), { learnEvery: 32 }, false)
      const { decisions, refused, stats } = trainer.run(192)
      assert.deepEqual([decisions, refused], [192, {}])
      assert.ok(stats.updates >= 6, `${stats.updates} steps`)
    }
  })
  test('an empty log is over at once', async () => {
    const trainer = await rehearse(twoTower, { digest: 'd', rows: [], refused: {} })
    assert.equal(trainer.run(100).decisions, 0)
  })
})

describe('the self-normalised estimate', () => {
  const of = (...pairs: [weight: number, reward: number][]) =>
    selfNormalised(pairs.map(([weight, reward]) => ({ weight, reward })))
  const cases: [string, ReturnType<typeof of>, ReturnType<typeof of>][] = [
    ['of nothing is none', of(), null],
    ['of what the policy would not do is none', of([0, 1], [0, 5]), null],
    [
      'of equal weights is the mean',
      of([2, 0], [2, 1], [2, 1], [2, 0]),
      { reward: 0.5, certainty: { standardError: 0.25, effectiveSamples: 4 } },
    ],
    [
      'leans on the heavy, and says so',
      of([3, 1], [1, 0]),
      { reward: 0.75, certainty: { standardError: Math.sqrt(2 * 0.75 ** 2) / 4, effectiveSamples: 1.6 } },
    ],
    [
      'passes over what has no weight',
      of([1, 2], [0, 9], [1, 4]),
      { reward: 3, certainty: { standardError: Math.SQRT1_2, effectiveSamples: 2 } },
    ],
  ]
  for (const [name, found, expected] of cases)
    test(name, () => {
      assert.equal(found === null, expected === null)
      if (!found || !expected) return
      const [a, b] = [found, expected].map(({ reward, certainty }) => [reward, ...Object.values(certainty)])
      for (const [i, value] of a.entries()) assert.ok(Math.abs(value - b[i]) < 1e-12, `${a} for ${b}`)
    })
  test('its standard error is the spread of many', () => {
    const random = createRandom(11)
    // shown by chance .2 and .8; the policy shows the first in .7, which earns 1 in .5, the second in .1
    const sample = (): Weighted => {
      const first = random.uniform() < 0.2
      const earned = random.uniform() < (first ? 0.5 : 0.1)
      return { weight: first ? 0.7 / 0.2 : 0.3 / 0.8, reward: earned ? 1 : 0 }
    }
    const estimates = Array.from({ length: 1000 }, () => selfNormalised(Array.from({ length: 400 }, sample))!)
    const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const mean = meanOf(estimates.map(({ reward }) => reward))
    const spread = Math.sqrt(meanOf(estimates.map(({ reward }) => (reward - mean) ** 2)))
    const said = meanOf(estimates.map(({ certainty }) => certainty.standardError))
    assert.ok(Math.abs(mean - 0.38) < 0.01, String(mean))
    // a thousand know a spread to within 5 %
    assert.ok(Math.abs(said / spread - 1) < 0.1, `said ${said}, is ${spread}`)
  })
})
