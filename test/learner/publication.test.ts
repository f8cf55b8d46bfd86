/** When a step publishes, what the version then says, and what a fall between two versions costs: nothing. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { createLearnerStage, type LearnerState } from '../../src/learner/step.ts'
import type { Input, Stage, StepResult } from '../../src/stage.ts'
import { openLive, publishItems, request, versionsOf } from '../operate/live.ts'
import { noVectors, snapshotOf, transitionOf } from './examples.ts'

type Policy = NonNullable<ConfigInput['policies']>[number]
const towers = { explorer: { name: 'softmax' } } as const
const gradients: Readonly<Record<string, Policy>> = {
  'two-tower': { ...towers, algorithm: 'two-tower' },
  'v-trace': { ...towers, algorithm: 'v-trace', gamma: 0.9 },
  reinforce: { ...towers, algorithm: 'reinforce' },
  dqn: { algorithm: 'dqn', explorer: { name: 'epsilon-greedy' } },
  'slate-q': { algorithm: 'slate-q', explorer: { name: 'epsilon-greedy' } },
  'neural-linear': { algorithm: 'neural-linear' },
}
/** Their steps are a publishing interval long, or nothing corrects them for being ahead of who decides. */
const eachStep: Readonly<Record<string, Policy>> = {
  'linear-gaussian': {},
  ppo: { ...towers, algorithm: 'ppo' },
  a3c: { ...towers, algorithm: 'a3c' },
  'bagged-linear': { algorithm: 'bagged-linear', explorer: { name: 'bagging' } },
}

const stageOf = (policy: Policy, publishMs: number) => {
  const config = parseConfig({ features: { dimensions: 2 }, policies: [policy], learner: { publishMs } })
  return createLearnerStage(config, config.policies[0])
}
const tick = (timeMs: number) => ({ timeMs, watermarkMs: timeMs })
const vector = (id: string) => (id === 'a' ? Float32Array.of(1, 0) : Float32Array.of(0, 1))
const view = { ...noVectors, features: { ...noVectors.features, vector } }
const candidate = (item_id: string) => ({ item_id, feature_version: 1, source: 'request', inclusion_probability: 1 })
const candidates = ['a', 'b'].map(candidate)

/** The `offset`-th transition of the log, of this policy or another. */
const input = (offset: number, policy = 'default'): Input<Transition> => ({
  topic: 'transitions',
  partition: 0,
  offset,
  key: 'u',
  value: transitionOf({
    transition_id: `d${offset}/0`,
    decision_id: `d${offset}`,
    policy,
    candidates,
    action: [offset % 2 === 0 ? 'a' : 'b'],
    state: snapshotOf({ hour: offset % 24 }),
    delta: { click: offset % 2 },
    discount: 0,
    terminated: true,
  }),
  timestampMs: 0,
  headers: {},
})
const from = (first: number, count: number, policy?: string): Input<Transition>[] =>
  Array.from({ length: count }, (_, i) => input(first + i, policy))
const versionOf = ({ outputs }: StepResult) => outputs[0]?.value as ModelVersion | undefined

/** At a time, so many own transitions and so many of others come: is there a version? */
type Step = readonly [timeMs: number, own: number, others: number, publishes: boolean]
interface Case {
  readonly publishMs: number
  readonly steps: readonly Step[]
}
const start = 1_000_000

const paced: Readonly<Record<string, Case>> = {
  'the first step publishes, the others once an interval is over': {
    publishMs: 2000,
    steps: [
      [0, 1, 0, true],
      [250, 1, 0, false],
      [1999, 1, 0, false],
      [2000, 1, 0, true],
      [2250, 1, 0, false],
    ],
  },
  'what was learned is published though nothing comes any more': {
    publishMs: 2000,
    steps: [
      [0, 1, 0, true],
      [500, 1, 0, false],
      [1999, 0, 0, false],
      [2000, 0, 0, true],
      [9000, 0, 0, false],
    ],
  },
  'wanted as often as they come, each step publishes': {
    publishMs: 250,
    steps: [
      [0, 1, 0, true],
      [100, 1, 0, true],
      [200, 1, 0, true],
    ],
  },
}

/** Of all learners alike. */
const idle: Readonly<Record<string, Case>> = {
  "others' transitions are no reason for a version, but for one a minute": {
    publishMs: 1000,
    steps: [
      [0, 0, 1, false],
      [30_000, 0, 1, false],
      [59_999, 0, 0, false],
      [60_000, 0, 0, true],
      [200_000, 0, 0, false],
      [200_001, 0, 1, false],
      [260_000, 0, 1, false],
      [260_001, 0, 1, true],
    ],
  },
  "so many of others' that a restart would take long to read them are": {
    publishMs: 1000,
    steps: [
      [0, 0, 49_999, false],
      [10, 0, 1, true],
      [20, 0, 1, false],
    ],
  },
  'own ones among them are': {
    publishMs: 1000,
    steps: [
      [0, 0, 5, false],
      [10, 1, 5, true],
    ],
  },
}

const always: Case = {
  publishMs: 60_000,
  steps: [
    [0, 1, 0, true],
    [1, 1, 0, true],
    [2, 0, 0, false],
  ],
}

async function follow(stage: Stage<LearnerState, typeof view>, { steps }: Case): Promise<void> {
  const state = await stage.open(0)
  let next = 0
  let learned = 0
  for (const [afterMs, own, others, publishes] of steps) {
    const now = tick(start + afterMs)
    const inputs = [...from(next, others, 'other'), ...from(next + others, own)]
    next += inputs.length
    learned += own
    if (inputs.length === 0) assert.equal(stage.due!(state, now), publishes, `due after ${afterMs} ms`)
    const result = stage.step(state, inputs, now, view)
    const version = versionOf(result)
    assert.equal(version !== undefined, publishes, `after ${afterMs} ms`)
    assert.equal(stage.due!(state, now), false, 'a step leaves nothing due')
    if (!version) {
      assert.deepEqual(result, { outputs: [], refusals: [], counts: [] })
      continue
    }
    const { transitions, contains, metrics, created_ms } = version
    assert.deepEqual(
      [transitions, contains, metrics.learned, created_ms],
      [next, [{ topic: 'transitions', partition: 0, next }], learned, now.timeMs],
    )
    const counted = result.counts.find(({ labels }) => labels?.result === 'learned')?.value ?? 0
    assert.equal(counted, learned, 'counted with the version')
    learned = 0
  }
}

describe('a learner that steps more often than versions are wanted', () => {
  for (const [algorithm, policy] of Object.entries(gradients))
    for (const [name, each] of Object.entries({ ...paced, ...idle }))
      test(`${algorithm}: ${name}`, () => follow(stageOf(policy, each.publishMs), each))
})

describe('a learner that publishes with each step', () => {
  for (const [algorithm, policy] of Object.entries(eachStep)) {
    test(`${algorithm}: each step that learned publishes`, () => follow(stageOf(policy, 60_000), always))
    for (const [name, each] of Object.entries(idle))
      test(`${algorithm}: ${name}`, () => follow(stageOf(policy, each.publishMs), each))
  }
})

test('outcome times of all steps since the last version are in the next', async () => {
  const stage = stageOf(gradients['two-tower'], 2000)
  const state = await stage.open(0)
  const rewarded = (offset: number, reward_time_ms: number) => {
    const each = input(offset)
    return { ...each, value: { ...each.value, kind: 'reward' as const, reward_time_ms } }
  }
  const times = [0, 250, 500, 2000].map((afterMs, i) =>
    versionOf(stage.step(state, [rewarded(i, 100 + i)], tick(start + afterMs), view)),
  )
  assert.deepEqual(
    times.map(version => version?.outcome_times_ms),
    [[100], undefined, undefined, [101, 102, 103]],
  )
})

describe('who falls between two versions', () => {
  const batches = [from(0, 6), from(6, 5), from(11, 4)]
  const atMs = (step: number): number => start + 250 * step

  for (const [algorithm, policy] of Object.entries({ ...gradients, ...eachStep }))
    test(`${algorithm} takes the same transitions again and publishes the same version`, async () => {
      const stage = stageOf(policy, 750)
      const steady = await stage.open(0)
      const first = stage.step(steady, [], tick(atMs(-9)), view)
      assert.deepEqual(first.outputs, [])
      const run = (state: LearnerState) => batches.map((inputs, i) => stage.step(state, inputs, tick(atMs(i)), view))
      const expected = run(steady).map(versionOf)
      const fallen = await stage.open(0)
      stage.step(fallen, batches[0], tick(atMs(0)), view)
      const again = await stage.open(0)
      assert.deepEqual(run(again).map(versionOf), expected)
    })

  test('goes on from the newest with the inputs that it does not contain', async () => {
    const stage = stageOf(gradients['neural-linear'], 750)
    const steady = await stage.open(0)
    const published = stage.step(steady, batches[0], tick(atMs(0)), view)
    const quiet = stage.step(steady, batches[1], tick(atMs(1)), view)
    assert.deepEqual(quiet.outputs, [])
    const expected = versionOf(stage.step(steady, batches[2], tick(atMs(3)), view))
    const restarted = await stage.open(0)
    stage.fold(restarted, [], published.outputs, tick(atMs(0)))
    assert.equal(versionOf(stage.step(restarted, batches[1], tick(atMs(1)), view)), undefined, 'its age is known')
    assert.deepEqual(versionOf(stage.step(restarted, batches[2], tick(atMs(3)), view)), expected)
  })
})

test('a running learner publishes at that pace, and in the end all that it learned', async t => {
  const publishMs = 600
  const live = await openLive(t, { policies: [gradients['two-tower'], { name: 'idle' }], learner: { publishMs } })
  await publishItems(live, ['a', 'b'])
  await live.start()
  for (const untilMs = Date.now() + 3 * publishMs; Date.now() < untilMs; await sleep(20))
    await live.append('requests', 'ann', request('ann'))
  await live.settled()
  const versions = await versionsOf(live)
  const times = versions.map(version => version.created_ms)
  assert.ok(versions.length > 1)
  for (let i = 1; i < times.length; i++) assert.ok(times[i]! - times[i - 1]! >= publishMs, `${times}`)
  assert.equal(versions.at(-1)!.transitions, (await live.decisions()).length)
  assert.deepEqual(await versionsOf(live, 1), [], 'nothing was for the other policy')
})
