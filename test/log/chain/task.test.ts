/** Tasks on the embedded log: one case a promise. The troubles are in test/simulation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { adoptChain } from '../../../src/log/chain/adopt.ts'
import { decodeHeader, STEP_HEADER } from '../../../src/log/chain/header.ts'
import { committedOf } from '../../../src/log/chain/progress.ts'
import { chainRules } from '../../../src/log/chain/rules.ts'
import type { Task } from '../../../src/log/chain/task.ts'
import { parseDeadLetter } from '../../../src/log/deadletters.ts'
import { openEmbeddedLog } from '../../../src/log/embedded/embedded.ts'
import type { Committed } from '../../../src/log/log.ts'
import { createMeter } from '../../../src/metrics.ts'
import type { Stage } from '../../../src/stage.ts'
import type { Sums } from './tasks.ts'
import { adding, createTopics, put, readUntil, rivalsAgree, start } from './tasks.ts'

const valuesOf = async (
  log: ReturnType<typeof openEmbeddedLog>,
  count: number,
): Promise<{ id: number; sum: number; draw: number }[]> =>
  (await readUntil(log, '', all => all.length >= count)).map(record => JSON.parse(record.value!.toString()) as never)

async function refuses(task: Task, code: string): Promise<void> {
  await Promise.all([assert.rejects(task.ready, { code }), assert.rejects(task.done, { code })])
}

async function fresh(): Promise<ReturnType<typeof openEmbeddedLog>> {
  const log = openEmbeddedLog()
  await createTopics(log, '')
  return log
}

test('rivals on one partition agree', async () => rivalsAgree(openEmbeddedLog(), 'r.'))

test('what a task emitted is read after a restart, not decided again', async () => {
  const log = await fresh()
  const first = start(log, '')
  await put(log, 'events', { n: 5 })
  await put(log, 'requests', { n: 0 })
  const [answer] = await valuesOf(log, 1)
  await first.stop()
  const second = start(log, '')
  await second.ready
  await put(log, 'requests', { n: 1 })
  const next = (await valuesOf(log, 2))[1]!
  assert.ok([answer!.sum + answer!.draw, answer!.sum + answer!.draw + 5].includes(next.sum))
  await second.stop()
})

test('whoever goes on from the steps of another tells how far they went: a commit may have died with who made them', async () => {
  const log = await fresh()
  const own: number[] = []
  const first = start(log, '', { accepted: ({ header }) => own.push(...header.inputs.map(({ next }) => next)) })
  await put(log, 'events', { n: 5 })
  await put(log, 'requests', { n: 0 })
  await valuesOf(log, 1)
  while (own.slice(-2).join() !== '1,1') await sleep(5)
  await first.stop()
  const followed: number[][] = []
  const second = start(log, '', { followed: ({ header }) => followed.push(header.inputs.map(({ next }) => next)) })
  await second.ready
  assert.deepEqual(followed, [[1, 1]])
  const never: number[][] = []
  const rival = start(log, '', { followed: ({ header }) => never.push(header.inputs.map(({ next }) => next)) })
  await rival.ready
  for (let n = 1; n <= 20; n++) await put(log, 'requests', { n })
  await valuesOf(log, 21)
  const last = (): string => ([...followed, ...never].some(([, requests]) => requests! > 1) ? 'followed' : 'alone')
  const untilMs = Date.now() + 10_000
  while (last() === 'alone' && Date.now() < untilMs) await put(log, 'requests', { n: 99 }).then(() => sleep(5))
  assert.equal(last(), 'followed', 'the loser of a race tells of it too')
  await Promise.all([second.stop(), rival.stop()])
})

test('a record that does not decode goes to the dead letters as it came, and the step goes on', async () => {
  const log = await fresh()
  const task = start(log, '')
  await put(log, 'requests', '?broken')
  await put(log, 'requests', { n: 1 })
  assert.equal((await valuesOf(log, 1))[0]!.id, 1)
  const [record] = await log.read('dead-letters', 0, 0)
  const letter = parseDeadLetter(record!)!
  assert.deepEqual(
    [letter.id, letter.code, letter.stage, letter.value?.toString(), letter.key?.toString()],
    ['requests/0/0', 'WIRE_DECODE_FAILED', 'adding', '?broken', 'u'],
  )
  await task.stop()
})

test('however many do not decode, no header names more than some, and a restart goes on behind them', async t => {
  const log = await fresh()
  for (let n = 0; n < 2500; n++) await put(log, 'requests', '?broken')
  await put(log, 'requests', { n: 1 })
  const step = { intervalMs: 0, maxRecords: 50, maxBytes: 1 << 20, progressMs: 1e9, idleMs: 100 }
  const task = start(log, '', { step })
  t.after(() => task.stop())
  await valuesOf(log, 1)
  const named = (await log.read('recommendations', 0, 0, { maxBytes: 1e9 }))
    .flatMap(({ headers: { [STEP_HEADER]: header } }) => (header ? [decodeHeader(header)] : []))
    .map(({ unseen }) => unseen?.length ?? 0)
  assert.equal(
    named.reduce((sum, count) => sum + count, 0),
    2500,
  )
  assert.ok(Math.max(...named) < 1050, `${named}`)
  await task.stop()
  const second = start(log, '', { step })
  t.after(() => second.stop())
  await put(log, 'requests', { n: 2 })
  const ids = (await valuesOf(log, 2)).map(({ id }) => id)
  assert.deepEqual(ids, [1, 2])
})

test('a step whose outputs exceed a batch is taken in parts', async () => {
  const log = await fresh()
  for (let n = 0; n < 40; n++) await put(log, 'requests', { n })
  const task = start(log, '', {
    step: { intervalMs: 1, maxRecords: 50, maxBytes: 1 << 20, progressMs: 30, idleMs: 100, maxBatchBytes: 5000 },
  })
  const answers = await valuesOf(log, 40)
  assert.deepEqual(
    answers.map(({ id }) => id),
    [...Array(40).keys()],
  )
  const batches = (await log.read('recommendations', 0, 0)).filter(record => record.headers['fl-step'] !== undefined)
  assert.ok(batches.length > 4, `${batches.length} batches`)
  await task.stop()
})

test('of a backlog of large outputs little is decided twice: once it is known what fits, steps are as large', async () => {
  const log = await fresh()
  const requests = 1000
  for (let n = 0; n < requests; n++) await put(log, 'requests', { n })
  let decided = 0
  const counted: Stage<Sums> = {
    ...adding,
    step(state, inputs, tick, view) {
      decided += inputs.length
      return adding.step(state, inputs, tick, view)
    },
  }
  const step = { intervalMs: 1, maxRecords: 500, maxBytes: 1 << 20, progressMs: 30, idleMs: 100, maxBatchBytes: 8000 }
  const task = start(log, '', { stage: counted, step })
  await valuesOf(log, requests)
  await task.stop()
  // the first step is of 500
  assert.ok(decided < 1.8 * requests, `${decided} of ${requests}`)
})

/** Answers requests with as many bytes as they ask for; events make the next answers longer. */
const padding: Stage<Sums> = {
  ...adding,
  step(state, inputs, tick, view) {
    const { outputs, ...rest } = adding.step(state, inputs, tick, view)
    const padded = outputs.map(({ key, value }) => {
      const answer = value as { id: number }
      return { key, value: { ...answer, padding: 'x'.repeat(answer.id) } }
    })
    return { ...rest, outputs: padded }
  },
}

test('a record of which no batch can hold what the stage makes is refused, and the task goes on, also after a restart', async () => {
  const log = await fresh()
  for (const n of [1, 2, 9000, 3, 9001]) await put(log, 'requests', { n })
  const options = {
    stage: padding,
    step: { intervalMs: 1, maxRecords: 50, maxBytes: 1 << 20, progressMs: 30, idleMs: 100, maxBatchBytes: 6000 },
  }
  const first = start(log, '', options)
  await valuesOf(log, 3)
  await first.stop()
  await put(log, 'requests', { n: 4 })
  const second = start(log, '', options)
  const answers = await valuesOf(log, 4)
  assert.deepEqual(
    answers.map(({ id }) => id),
    [1, 2, 3, 4],
  )
  for (const [i, { sum, draw }] of answers.entries())
    if (i < 3) assert.equal(answers[i + 1]!.sum, sum + draw, `what was refused left nothing behind, answer ${i}`)
  const letters = (await log.read('dead-letters', 0, 0)).map(record => parseDeadLetter(record)!)
  assert.deepEqual([...new Set(letters.map(({ id, code }) => `${id} ${code}`))].sort(), [
    'requests/0/2 OUTPUT_TOO_LARGE',
    'requests/0/4 OUTPUT_TOO_LARGE',
  ])
  await second.stop()
})

test('an output of no record that no batch can hold ends the task with a code', async () => {
  const log = await fresh()
  const eager: Stage<Sums> = {
    ...adding,
    due: () => true,
    step: () => ({ outputs: [{ key: null, value: 'x'.repeat(6000) }], refusals: [], counts: [] }),
  }
  const step = { intervalMs: 1, maxRecords: 50, maxBytes: 1 << 20, progressMs: 30, idleMs: 100, maxBatchBytes: 5000 }
  await assert.rejects(start(log, '', { stage: eager, step }).done, { code: 'BATCH_TOO_LARGE' })
})

test('another partition count than the header says ends the task with a code', async () => {
  const log = await fresh()
  await put(log, 'requests', { n: 0 })
  const task = start(log, '')
  await valuesOf(log, 1)
  await task.stop()
  const repartitioned = new Proxy(log, {
    get: (target, name) => (name === 'partitionCount' ? async () => 2 : Reflect.get(target, name)),
  })
  await refuses(start(repartitioned, ''), 'PARTITION_COUNT_CHANGED')
})

test('a topic made anew under a group that knows it ends the task with a code', async () => {
  const log = await fresh()
  let commits: Committed[] = []
  const task = start(log, '', {
    accepted(step) {
      commits = committedOf('', step)
    },
  })
  await put(log, 'requests', { n: 0 })
  await valuesOf(log, 1)
  await task.stop()
  const anew = await fresh()
  const grouped = new Proxy(anew, {
    get: (target, name) =>
      name === 'committed'
        ? async (_: string, topic: string) => commits.filter(one => one.topic === topic)
        : Reflect.get(target, name),
  })
  await refuses(start(grouped, '', { group: 'g' }), 'CHAIN_IDENTITY_LOST')
})

test('a stage whose state is its output goes on from the inputs of its last output', async () => {
  const log = await fresh()
  let open = { kept: 0, total: 0, commit: () => {} }
  const counting: Stage<typeof open> = {
    name: 'counting',
    recovery: 'positions-in-output',
    open() {
      open = { kept: 0, total: 0, commit: () => {} }
      return open
    },
    step(state, inputs) {
      state.total += inputs.length
      const publishes = state.total >= state.kept + 4
      if (publishes) state.kept = state.total
      return { outputs: publishes ? [{ key: null, value: { total: state.total } }] : [], refusals: [], counts: [] }
    },
    fold(state, _, outputs) {
      state.total = (outputs.at(-1)!.value as { total: number }).total
      state.kept = state.total
    },
  }
  const step = { intervalMs: 1, maxRecords: 2, maxBytes: 1 << 20, progressMs: 10, idleMs: 100 }
  const options = {
    stage: counting as unknown as Stage<Sums>,
    step,
    inputs: [{ topic: 'events', partition: 0 }] as const,
  }
  for (let n = 0; n < 6; n++) await put(log, 'events', { n })
  const first = start(log, '', options)
  await readUntil(log, '', all => all.length >= 1)
  while (open.total < 6) await new Promise(resolve => setTimeout(resolve, 2))
  await first.stop()
  const second = start(log, '', options)
  await second.ready
  for (let n = 0; n < 2; n++) await put(log, 'events', { n })
  const outputs = await readUntil(log, '', all => all.length >= 2)
  assert.deepEqual(
    outputs.map(record => JSON.parse(record.value!.toString())),
    [{ total: 4 }, { total: 8 }],
  )
  await second.stop()
})

test('a stage that knows when its outputs stand alone is recovered from the end of its chain', async () => {
  const fullEvery = 300
  for (const [outputs, most] of [
    [1000, 128],
    [1199, 1024],
  ] as const) {
    const folded = await recoversFrom(outputs, fullEvery)
    assert.ok(folded > outputs % fullEvery && folded <= most, `${outputs} outputs: folded ${folded}`)
  }
})

/** Recovers from so many outputs, every `fullEvery`-th whole, checks that it goes on well, and says how many it folded. */
async function recoversFrom(outputs: number, fullEvery: number): Promise<number> {
  const log = await fresh()
  let folded = 0
  const state = () => ({ total: 0, whole: false, commit() {} })
  const summing: Stage<ReturnType<typeof state>> = {
    name: 'summing',
    recovery: 'positions-in-output',
    open: () => {
      folded = 0
      return state()
    },
    whole: ({ whole }) => whole,
    step(now, inputs) {
      const values = inputs.map((_, i) => {
        const total = now.total + i + 1
        return { key: null, value: total % fullEvery === 0 ? { total } : { more: 1 } }
      })
      now.total += inputs.length
      return { outputs: values, refusals: [], counts: [] }
    },
    fold(now, _, values) {
      folded += values.length
      for (const { value } of values as readonly { value: { total?: number; more?: number } }[]) {
        if (value.total !== undefined) now.whole = true
        now.total = value.total ?? now.total + value.more!
      }
    },
  }
  const options = {
    stage: summing as unknown as Stage<Sums>,
    step: { intervalMs: 0, maxRecords: 1, maxBytes: 1 << 20, progressMs: 10, idleMs: 100 },
    inputs: [{ topic: 'events', partition: 0 }] as const,
  }
  await log.append(
    'events',
    0,
    Array.from({ length: outputs }, (_, n) => ({ key: null, value: Buffer.from(JSON.stringify({ n })) })),
  )
  const first = start(log, '', options)
  await readUntil(log, '', all => all.length >= outputs)
  await first.stop()

  const second = start(log, '', options)
  await second.ready
  const needed = folded
  const more = fullEvery - (outputs % fullEvery)
  for (let n = 0; n < more; n++) await put(log, 'events', { n })
  const all = await readUntil(log, '', records => records.length >= outputs + more)
  assert.deepEqual(JSON.parse(all.at(-1)!.value!.toString()), { total: outputs + more })
  await second.stop()
  return needed
}

test('an adopted chain goes on in a new epoch; who remembers the old one ends with a code until then', async () => {
  const log = await fresh()
  const task = start(log, '')
  await put(log, 'requests', { n: 0 })
  await valuesOf(log, 1)
  await task.stop()
  // A batch that names what was never accepted: what a zombie of a lost log writes.
  const header = {
    version: 1,
    id: 'f'.repeat(16),
    prev: { offset: 0, id: 'e'.repeat(16) },
    epoch: 0,
    inputs: [],
    tick: { timeMs: 0, watermarkMs: -1 },
    count: 1,
    outputs: 0,
    partitions: 1,
  }
  await log.append('recommendations', 0, [
    { key: null, value: null, headers: { 'fl-step': Buffer.from(JSON.stringify(header)) } },
  ])
  await refuses(start(log, ''), 'CHAIN_IDENTITY_LOST')
  const inputs = [
    { topic: 'events', partition: 0, next: 0 },
    { topic: 'requests', partition: 0, next: 1 },
  ]
  const { epoch } = await adoptChain({ log, prefix: '', output: { topic: 'recommendations', partition: 0 }, inputs })
  assert.ok(epoch > 0)
  const again = start(log, '')
  await again.ready
  await put(log, 'requests', { n: 1 })
  assert.deepEqual(
    (await valuesOf(log, 2)).map(({ id }) => id),
    [0, 1],
  )
  await again.stop()
})

test('the embedded stage is honest: step and fold leave the same', () => {
  const [one, two] = [adding.open(0) as Sums, adding.open(0) as Sums]
  const inputs = [1, 2, 3].map(
    n =>
      ({
        topic: n === 2 ? 'requests' : 'events',
        partition: 0,
        offset: n,
        key: null,
        value: { n },
        timestampMs: 0,
        headers: {},
      }) as const,
  )
  const tick = { timeMs: 1, watermarkMs: 0 }
  const { outputs } = adding.step(one, inputs, tick, undefined)
  adding.fold(two, inputs, outputs, tick)
  assert.equal(one.sums.get('all'), two.sums.get('all'))
})

test('a log that is read between steps is let have its turn before each of them', async t => {
  let turns = 0
  let held: PromiseWithResolvers<void> | undefined
  const turn = async (): Promise<void> => {
    turns++
    await held?.promise
  }
  const log = { ...(await fresh()), turn }
  let steps = 0
  const task = start(log, '', { accepted: () => steps++ })
  t.after(() => {
    held?.resolve()
    return task.stop()
  })
  await put(log, 'requests', { n: 0 })
  await valuesOf(log, 1)
  assert.ok(turns >= steps && steps > 0, `${turns} turns, ${steps} steps`)
  held = Promise.withResolvers()
  await sleep(20) // one that has begun ends
  const before = steps
  await put(log, 'requests', { n: 1 })
  await sleep(40)
  assert.equal(steps, before, 'no step before its turn')
  held.resolve()
  held = undefined
  await valuesOf(log, 2)
})

test('a task that is stopped before its turn takes no step', async () => {
  const held = Promise.withResolvers<void>()
  let asked = 0
  const turn = (): Promise<void> => {
    asked++
    return held.promise
  }
  const log = { ...(await fresh()), turn }
  const task = start(log, '', { accepted: () => assert.fail('a step') })
  await put(log, 'requests', { n: 0 })
  while (asked === 0) await sleep(1)
  const stopped = task.stop()
  held.resolve()
  await stopped
})

test('a step that hangs in its append shows how long what it has taken waits', async () => {
  const log = await fresh()
  const open = Promise.withResolvers<void>()
  const held = {
    ...log,
    append: (topic: string, ...rest: [number, never]) =>
      (topic === 'recommendations' ? open.promise : Promise.resolve()).then(() => log.append(topic, ...rest)),
  }
  const meter = createMeter()
  const task = start(held, '', { meter, rules: { ...chainRules, watchMs: 10 } })
  await task.ready
  await put(log, 'requests', { n: 0 })
  const shown = async (name: string): Promise<number> => {
    const metric = await meter.registry.getSingleMetric(name)!.get()
    return metric.values.find(({ labels }) => labels.topic === 'requests')?.value ?? -1
  }
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + 10_000; !(await holds()); await sleep(5)) assert.ok(Date.now() < end, what)
  }
  await until('seconds grow', async () => (await shown('feedloop_lag_seconds')) > 0.3)
  assert.equal(await shown('feedloop_lag_records'), 1)
  open.resolve()
  await until('done', async () => (await shown('feedloop_lag_records')) === 0)
  assert.equal(await shown('feedloop_lag_seconds'), 0)
  await task.stop()
})
