/**
 * The whole loop by seed, under everything that may go wrong; and each of its safeguards broken on purpose, which the
 * simulation must notice. FEEDLOOP_SEEDS sets the number of seeds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelVersion } from '../../schemas/records.ts'
import { STEP_HEADER, type StepHeader } from '../../src/log/chain/header.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createSaving, type Saving } from '../../src/ranker/saving.ts'
import type { RankerState } from '../../src/ranker/step.ts'
import { createDisk } from '../../src/simulation/disk.ts'
import { type LoopOptions, runPlan, simulateLoop } from '../../src/simulation/loop.ts'
import { planOf } from '../../src/simulation/plan.ts'
import { shrink } from '../../src/simulation/shrink.ts'
import type { AnyStage } from '../../src/simulation/stages.ts'
import type { Output } from '../../src/stage.ts'

const seeds = Number(process.env.FEEDLOOP_SEEDS ?? 1000)
const seedsForABrokenRule = 1000
const wire = await createWire({ prefix: '' })

test(`${seeds} seeds: every request decided once, every outcome accounted for, learned as by a batch fit`, async t => {
  const faults: string[] = []
  const seen = { decisions: 0, transitions: 0, models: 0, skipped: 0, orphans: 0, again: 0, restored: 0, floors: 0 }
  for (let seed = 0; seed < seeds; seed++) {
    const result = await simulateLoop(seed, { wire })
    if (result.fault !== null) faults.push(`seed ${seed}: ${result.fault}`)
    for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += result[name]
  }
  t.diagnostic(JSON.stringify(seen))
  assert.deepEqual(faults, [])
  // The troubles did happen, and the loop did its work under them.
  assert.ok(seen.skipped > seeds, `${seen.skipped} batches skipped`)
  assert.ok(seen.decisions > 3 * seeds, `${seen.decisions} decisions`)
  // What was shed, in loops that shed, has none.
  assert.ok(seen.transitions > 1.5 * seen.decisions, `${seen.transitions} transition records`)
  // Windows ended within the histories.
  assert.ok(seen.orphans > seeds / 10, `${seen.orphans} orphans`)
  assert.ok(seen.again > seeds / 100, `${seen.again} requests decided again`)
  assert.ok(seen.restored > seeds / 10, `${seen.restored} states from snapshots`)
  // Two partitions a run: most last floors stand, else the judge compares a rebuild with a rebuild.
  assert.ok(seen.floors > 0.9 * 2 * seeds, `${seen.floors} partitions judged from their floor`)
})

/** Rewrites the step header of whatever is appended. */
const tampering =
  (change: (header: StepHeader) => StepHeader): LoopOptions['tamper'] =>
  (_, records) => {
    const [first, ...rest] = records
    const bytes = first?.headers?.[STEP_HEADER]
    if (first === undefined || bytes === undefined) return records
    const header = Buffer.from(JSON.stringify(change(JSON.parse(bytes.toString()) as StepHeader)))
    return [{ ...first, headers: { ...first.headers, [STEP_HEADER]: header } } satisfies NewRecord, ...rest]
  }
const only =
  (name: string, change: (stage: AnyStage) => AnyStage): LoopOptions['stage'] =>
  stage =>
    stage.name === name ? change(stage) : stage
const committingEarly = (stage: AnyStage): AnyStage => ({
  ...stage,
  step(state, inputs, tick, view) {
    const result = stage.step(state, inputs, tick, view)
    state.commit()
    return result
  },
})
const forgetful = (stage: AnyStage): AnyStage => ({
  ...stage,
  async open(partition) {
    const state = (await stage.open(partition)) as RankerState
    return { ...state, decidedIds: { ...state.decidedIds, has: () => false } }
  },
})

/** Another state that lacks something. */
const lacking = (names: PropertyDescriptorMap) =>
  only('ranker', stage => ({
    ...stage,
    open: async (partition, signal) => Object.create(await stage.open(partition, signal), names),
  }))
/** The floor is the last step, whatever of it waits to be saved. */
const hasty: LoopOptions['savingOf'] = (unsaved, last, nowMs) => {
  let newest = last
  const saving = createSaving(unsaved, last, nowMs)
  const own: Pick<Saving, 'changed' | 'from' | 'floor'> = {
    changed(keys, at, when) {
      newest = at ?? null
      saving.changed(keys, at, when)
    },
    from(at) {
      newest = at
      saving.from(at)
    },
    floor: () => newest,
  }
  return Object.create(saving, Object.getOwnPropertyDescriptors(own))
}
const withoutLog = ({ key, value }: Output): Output => ({ key, value: { ...(value as ModelVersion), warm_start: '' } })

const broken: Record<string, Omit<LoopOptions, 'wire'>> = {
  "the writer ignores a gap (the writer's rule)": { rules: { ...chainRules, adjacent: () => true } },
  "the reader accepts any batch (the reader's rule)": { rules: { ...chainRules, follows: () => true } },
  'the overlay is committed before acceptance': { stage: committingEarly },
  'the joiner alone commits its overlay before acceptance': { stage: only('joiner', committingEarly) },
  'decided requests are not remembered (the request dedup)': { stage: only('ranker', forgetful) },
  'the tick is not recorded': { tamper: tampering(header => ({ ...header, tick: { timeMs: 0, watermarkMs: -1 } })) },
  'quiet steps are not recorded': { tamper: tampering(({ quiet: _, ...header }) => header) },
  'the last batch of the log is taken as the head': { rules: { ...chainRules, writersHead: (_, last) => last } },
  'an append without an acknowledgement is not looked for': { rules: { ...chainRules, mayBeStored: () => false } },
  'a snapshot names a step whose changes it lacks': { disk: (world, name) => createDisk(world, name, true) },
  'the floor is moved before its snapshots are acknowledged': { savingOf: hasty },
  'what a snapshot contains is learned again': { stage: lacking({ contains: { value: () => false } }) },
  'the joiner recovers nothing': { stage: only('joiner', stage => ({ ...stage, fold: () => {} })) },
  'the learner recovers all but the last version': {
    stage: only('learner', stage => ({
      ...stage,
      fold: (state, inputs, outputs, tick) => stage.fold(state, inputs, outputs.slice(0, -1), tick),
    })),
  },
  'the learner does not see that a version has learned the log': {
    stage: only('learner', stage => ({
      ...stage,
      fold: (state, inputs, outputs, tick) => stage.fold(state, inputs, outputs.map(withoutLog), tick),
    })),
  },
}

for (const [rule, options] of Object.entries(broken))
  test(`the simulation notices when ${rule}`, async t => {
    for (let seed = 0; seed < seedsForABrokenRule; seed++) {
      const { fault } = await simulateLoop(seed, { wire, ...options })
      if (fault !== null) return t.diagnostic(`seed ${seed}: ${fault}`)
    }
    assert.fail(`${seedsForABrokenRule} seeds found no fault`)
  })

test('a seed is one exact history', async () => {
  const traceOf = async (): Promise<string[]> => {
    const lines: string[] = []
    await simulateLoop(4, { wire, trace: line => lines.push(line) })
    return lines
  }
  const first = await traceOf()
  assert.ok(first.length > 50, `${first.length} lines`)
  assert.deepEqual(await traceOf(), first)
})

test('a failing history is shortened to the few acts that make it fail', async () => {
  const options = { wire, stage: only('ranker', forgetful) }
  const fails = async (plan: Parameters<typeof runPlan>[0]) => (await runPlan(plan, options)).fault !== null
  const plan = planOf(0)
  assert.ok(await fails(plan))
  const short = await shrink(plan, fails)
  assert.ok(await fails(short))
  // One person who asks twice is enough for a ranker that forgets what it decided.
  assert.deepEqual(
    short.acts.map(({ act }) => act),
    ['ask'],
  )
})
