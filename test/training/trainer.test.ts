import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { merge } from '../../src/demo/merge.ts'
import { shareOfReturn } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { createLearner } from '../../src/learner/create.ts'
import type { Example, Learner } from '../../src/learner/learner.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { exactReturn, sampledReturn, slateChances } from '../../src/training/evaluate.ts'
import { createMemory } from '../../src/training/memory.ts'
import { createTrainer, type TrainerOptions } from '../../src/training/trainer.ts'

type PolicyInput = NonNullable<ConfigInput['policies']>[number]

const environment = openEnvironment('long-term')
const configOf = (policy: PolicyInput = {}, world = environment) =>
  parseConfig(merge(world.preset, { policies: [policy] }))
const bandit: PolicyInput = { algorithm: 'linear-gaussian', gamma: 0 }

interface Options extends Partial<TrainerOptions> {
  readonly folder?: string
}

async function trainerOf(policy: PolicyInput = bandit, { folder, ...options }: Options = {}) {
  const { environment: world = environment } = options
  const config = configOf(policy, world)
  const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
  const memory = folder === undefined ? undefined : createMemory(folder, learner)
  const trainer = createTrainer({ environment: world, config, learner, seed: 3, memory, ...options })
  return { config, learner, trainer, memory }
}

/** The learner, and what it was told. */
async function listening(policy: PolicyInput, options: Partial<TrainerOptions> = {}) {
  const batches: Example[][] = []
  const { learner } = await trainerOf(policy, options)
  const listener: Learner = {
    ...learner,
    usesCandidates: true,
    usesNextCandidates: true,
    learn(batch) {
      batches.push([...batch])
      return learner.learn(batch)
    },
  }
  const made = await trainerOf(policy, { ...options, learner: listener })
  return { ...made, batches }
}

describe('what the learner is told', () => {
  test('each decision once, in the order of its session, with the way on', async () => {
    const { trainer, batches } = await listening({ ...bandit, gamma: 0.9 }, { sessions: 5, learnEvery: 40 })
    const { decisions, sessions } = trainer.run(1000)
    assert.equal(decisions, 1000)
    const told = batches.flat()
    assert.equal(new Set(told.map(({ transition }) => transition.transition_id)).size, told.length)
    assert.ok(told.length > 1000 - 5 - 45 && sessions > 25, `${told.length}, ${sessions}`)
    const steps = new Map<string, number>()
    for (const { transition, nextState, nextCandidates, candidates, action } of told) {
      assert.equal(transition.session_step, steps.get(transition.session_id) ?? 0)
      steps.set(transition.session_id, transition.session_step + 1)
      assert.equal(nextState === null, transition.truncated)
      assert.equal(nextCandidates?.length ?? 4, candidates.length)
      assert.ok(action >= 0)
    }
    const ended = told.filter(({ transition }) => transition.truncated)
    assert.ok(Math.abs(ended.length - sessions) <= 5)
  })
  test('decided from the version published last, with propensities of the draw', async () => {
    const { trainer, batches, config } = await listening(bandit, { learnEvery: 64 })
    trainer.run(2000)
    const versions = batches.map(batch => [...new Set(batch.map(({ transition }) => transition.model_version))])
    assert.deepEqual(versions[0], [''])
    // at γ = 0 too a decision is told with the one that follows it
    for (const [i, names] of versions.entries())
      assert.ok(names.every(name => Number(name) === i || Number(name) === i - 1))
    for (const { transition } of batches.flat()) {
      assert.equal(transition.propensity_kind, 'exact')
      assert.ok(transition.propensity > 0 && transition.propensity <= 1)
    }
    const { policy, model } = trainer
    assert.deepEqual(
      [policy!.version, model!.version, model!.algorithm],
      [model!.version, policy!.version, 'linear-gaussian'],
    )
    assert.equal(model!.policy, config.policies[0].name)
  })
})

describe('going on', () => {
  test('the same options give the same versions', async () => {
    const versions = async () => {
      const { trainer } = await trainerOf()
      return [trainer.run(1500), trainer.model]
    }
    assert.deepEqual(await versions(), await versions())
  })
  test('from a version: what was learned serves, decisions and sessions are counted on', async () => {
    const { trainer } = await trainerOf()
    trainer.run(2000)
    const { progress, model } = trainer
    const { trainer: next, config } = await trainerOf(bandit, { from: { progress, model: model! } })
    const before = exactReturn(environment, config, trainer.policy)
    assert.equal(exactReturn(environment, config, next.policy), before)
    const { decisions } = next.run(1000)
    assert.equal(decisions, progress.decisions + Math.ceil(1000 / 16) * 16)
    assert.ok(next.progress.session > progress.session && next.progress.round > progress.round)
    assert.ok(Number(next.model!.version) > Number(model!.version))
    assert.ok(next.model!.transitions > model!.transitions)
  })
})

describe('what a policy is worth', () => {
  const explorer = { name: 'epsilon-greedy', epsilon: 0.3, start: 0 } as const
  test('chance is what the environment says, in slates too', () => {
    for (const name of ['long-term', 'slate-choice']) {
      const world = openEnvironment(name)
      assert.ok(Math.abs(exactReturn(world, configOf({}, world), null) - world.returns!().random) < 1e-9)
    }
  })
  test('a policy plays as it is computed', async () => {
    for (const name of ['long-term', 'slate-choice']) {
      const world = openEnvironment(name)
      const { trainer, config } = await trainerOf({ ...bandit, explorer }, { environment: world })
      trainer.run(600)
      const exact = exactReturn(world, config, trainer.policy)
      const { mean, standardError } = sampledReturn(world, config, trainer.policy, { episodes: 300, seed: 77 })
      const chances = slateChances(world, world.finite!, config, trainer.policy)(world.finite!.observe(3))
      assert.ok(Math.max(...chances) > 3 / chances.length, 'it is not chance')
      // what comes after the observation is left out of what is played
      const tail = exact * world.discount! ** 30
      assert.ok(
        Math.abs(mean + tail - exact) < 4 * standardError + 0.3 * tail,
        `${name}: ${mean} ± ${standardError}, exact ${exact}`,
      )
    }
  })
  test('slates share one probability', async () => {
    const world = openEnvironment('slate-choice')
    const { trainer, config } = await trainerOf({ ...bandit, explorer: { name: 'softmax' } }, { environment: world })
    trainer.run(600)
    const chances = slateChances(world, world.finite!, config, trainer.policy)(world.finite!.observe(3))
    assert.ok(Math.abs(chances.reduce((sum, p) => sum + p, 0) - 1) < 1e-9)
    assert.equal(chances.length, 56)
  })
  test('a myopic bandit stays below .7 of the way in the long term, and learns what it can', async () => {
    const { trainer, config } = await trainerOf()
    trainer.run(6000)
    const share = shareOfReturn(exactReturn(environment, config, trainer.policy), environment.returns!())
    assert.ok(share < -0.5, String(share))
  })
})

for (const [algorithm, settings] of [
  ['dqn', { dqn: { batchSize: 32 } }],
  ['ppo', { ppo: { batchSize: 32, roundSize: 4000 } }],
] as const)
  test(`${algorithm} goes on with what it held`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'feedloop-training-'))
    after(() => rmSync(folder, { recursive: true }))
    const begun = await trainerOf({ algorithm, ...settings }, { folder })
    const { buffer } = begun.trainer.run(1000).stats
    assert.ok(buffer > 700, `${buffer}`)
    const from = { progress: begun.trainer.progress, model: begun.trainer.model! }
    begun.memory!.keep(from.model)
    await begun.memory!.close()
    const next = await trainerOf({ algorithm, ...settings }, { folder, from })
    const grown = next.trainer.run(512).stats.buffer - buffer
    assert.ok(grown > 0 && grown <= 512, `${grown}`)
    await next.memory!.close()
  })
