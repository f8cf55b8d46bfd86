import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { BehaviorEvent, Item, Request } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { loadReplayMapping, type ReplayOptions, replay } from '../../src/intake/replay.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { createWire } from '../../src/log/wire/create.ts'
import type { TopicName } from '../../src/pipeline.ts'
import { realData } from '../real-data.ts'

const folders = mkdtempSync(join(tmpdir(), 'feedloop-'))
after(() => rmSync(folders, { recursive: true }))

const wire = await createWire({ prefix: 'p.' })
const { limits } = parseConfig({})
const root = fileURLToPath(new URL('../../', import.meta.url))
const example = (name: string) => join(root, 'examples/replay', name)

const mapping = `
outputs:
  - to: requests
    fields:
      request_id: { origin: true }
      user_id: { path: user }
      policy: { constant: default }
      slots: { constant: 1 }
      time_ms: { path: at }
  - to: events
    when: { path: click, in: [1] }
    fields:
      event_id: { template: 'c-{#origin}' }
      user_id: { path: user }
      type: { constant: click }
      time_ms: { path: at }
`

async function openBus(): Promise<Log> {
  const log = openEmbeddedLog()
  const spec = (topic: string) => ({
    topic,
    partitions: 2,
    replicationFactor: 1,
    config: { 'max.message.bytes': '2000000' },
  })
  await log.createTopics(['p.requests', 'p.events', 'p.items', 'p.users'].map(spec))
  return log
}

function optionsFor(log: Log, file: string, text: string, more: Partial<ReplayOptions> = {}): ReplayOptions {
  const folder = mkdtempSync(join(folders, 'x'))
  const data = join(folder, file)
  const mappingFile = join(folder, 'mapping.yaml')
  writeFileSync(data, text)
  writeFileSync(mappingFile, mapping)
  const signal = new AbortController().signal
  return {
    log,
    wire,
    prefix: 'p.',
    limits,
    data,
    mapping: mappingFile,
    stateFile: join(folder, 'state.json'),
    now: Date.now,
    signal,
    ...more,
  }
}

async function readAll<T>(log: Log, topic: TopicName): Promise<T[]> {
  const values: T[] = []
  for (let partition = 0; partition < 2; partition++) {
    const { latest } = await log.ends(`p.${topic}`, partition)
    for (let next = 0; next < latest; ) {
      const records = await log.read(`p.${topic}`, partition, next)
      for (const { value } of records) values.push(wire.decode(topic, value!) as T)
      next = records[records.length - 1].offset + 1
    }
  }
  return values
}

const rows = Array.from({ length: 1200 }, (_, i) => ({ user: `u-${i % 5}`, click: i % 4 === 0 ? 1 : 0, at: 1000 + i }))
const csv = `user,click,at\n${rows.map(row => `${row.user},${row.click},${row.at}`).join('\n')}\n`
const jsonLines = rows.map(row => JSON.stringify(row)).join('\n')

describe('a file', () => {
  for (const [name, text] of [
    ['rows.csv', csv],
    ['rows.jsonl', jsonLines],
  ])
    test(`${name} becomes requests and clicks, with progress`, async () => {
      const log = await openBus()
      const seen: number[] = []
      const summary = await replay(optionsFor(log, name, text, { progress: ({ part }) => seen.push(part) }))
      assert.deepEqual(summary, {
        rows: 1200,
        records: 1500,
        refused: 0,
        part: 1,
        finished: true,
        resumedAt: 0,
        sentBefore: 0,
        refusals: [],
      })
      assert.deepEqual(
        new Set((await readAll<Request>(log, 'requests')).map(each => each.request_id)),
        new Set(rows.map((_, i) => `${name}/${i}`)),
      )
      assert.equal((await readAll<BehaviorEvent>(log, 'events')).length, 300)
      assert.equal(seen.length, 4)
      assert.ok(seen.every((part, i) => part > (i === 0 ? -1 : 0) && part <= 1 && part >= (seen[i - 1] ?? 0)))
    })

  test('rows that do not map are counted and named; the others go in', async () => {
    const log = await openBus()
    const text = 'user,click,at\nu,1,5\n,1,6\nu,1,soon\nu,0,7\n'
    const { rows, records, refused, refusals } = await replay(optionsFor(log, 'rows.csv', text))
    assert.deepEqual([rows, records, refused], [4, 3, 4])
    assert.match(refusals[0], /rows\.csv\/1: FIELD_MISSING: user_id/)
    assert.match(refusals[2], /rows\.csv\/2: FIELD_UNCONVERTIBLE: time_ms: "soon"/)
  })

  test('rows of too few or too many cells are refused, not filled up or cut; blank lines are no rows', async () => {
    const log = await openBus()
    const text = 'user,click,at\nu,1,5\nu,1\n\nu,1,6,7\nu,0,8\n'
    const { rows, records, refused, refusals } = await replay(optionsFor(log, 'rows.csv', text))
    assert.deepEqual([rows, records, refused], [5, 3, 2])
    assert.match(refusals[0], /rows\.csv\/1: RECORD_UNREADABLE: .*3.* got 2/)
    assert.match(refusals[1], /rows\.csv\/3: RECORD_UNREADABLE: .*3.* got 4/)
  })

  test('lines that are not JSON are counted and named', async () => {
    const log = await openBus()
    const { rows, records, refusals } = await replay(
      optionsFor(log, 'rows.jsonl', '{"user":"u","at":5}\n\nnonsense\n7\n'),
    )
    assert.deepEqual([rows, records, refusals.length], [4, 1, 2])
    assert.match(refusals[0], /rows\.jsonl\/2: RECORD_UNREADABLE/)
  })

  for (const [name, text] of [
    ['big.csv', 'user,click,at\n9007199254740993,1,5\n9007199254740992,0,9007199254740993\n'],
    ['big.jsonl', '{"user":9007199254740993,"click":1,"at":5}\n{"user":9007199254740992,"at":9007199254740993}\n'],
  ])
    test(`${name}: integers beyond 2^53 keep their digits as texts and are refused as numbers`, async () => {
      const log = await openBus()
      const { records, refusals } = await replay(optionsFor(log, name, text))
      assert.equal(records, 2)
      assert.deepEqual(
        (await readAll<Request>(log, 'requests')).map(each => each.user_id),
        ['9007199254740993'],
      )
      assert.equal(refusals.length, 1)
      assert.match(refusals[0], /\/1: FIELD_UNCONVERTIBLE: time_ms: .*9007199254740993.* is not .*2\^53/)
    })

  test('absent: DATA_MISSING', async () => {
    const options = { ...optionsFor(await openBus(), 'rows.csv', csv), data: '/nowhere/rows.csv' }
    await assert.rejects(replay(options), error => isCode(error, 'DATA_MISSING'))
  })
})

describe('another run', () => {
  test('goes on behind what was acknowledged, and does nothing when all was', async () => {
    const log = await openBus()
    let appends = 0
    const dying: Log = {
      ...log,
      append: (topic, partition, records) =>
        ++appends > 4
          ? Promise.reject(new FeedloopError('TOPIC_UNKNOWN', 'on purpose'))
          : log.append(topic, partition, records),
    }
    const options = optionsFor(dying, 'rows.csv', csv)
    await assert.rejects(replay(options), error => isCode(error, 'TOPIC_UNKNOWN'))
    const second = await replay({ ...options, log })
    assert.deepEqual([second.resumedAt, second.rows, second.records], [500, 1200, 1500])
    const ids = (await readAll<Request>(log, 'requests')).map(each => each.request_id)
    assert.equal(new Set(ids).size, 1200)
    const third = await replay({ ...options, log })
    assert.deepEqual([third.resumedAt, third.records, third.sentBefore], [1200, 1500, 1500])
    assert.equal((await readAll<Request>(log, 'requests')).length, ids.length)
  })

  test('with another mapping starts anew', async () => {
    const log = await openBus()
    const options = optionsFor(log, 'rows.csv', csv)
    await replay(options)
    writeFileSync(options.mapping, mapping.replace('constant: default', 'constant: other'))
    assert.equal((await replay(options)).resumedAt, 0)
  })

  test('with a content of the same size, or on another log, starts anew', async () => {
    const options = optionsFor(await openBus(), 'rows.csv', csv)
    await replay(options)
    writeFileSync(options.data, csv.replaceAll('u-1', 'u-9'))
    assert.equal((await replay(options)).resumedAt, 0)
    const log = await openBus()
    assert.equal((await replay({ ...options, log })).resumedAt, 0)
    assert.equal((await readAll<Request>(log, 'requests')).length, 1200)
  })

  test('after a signal has the rest to do', async () => {
    const log = await openBus()
    const abort = new AbortController()
    const options = optionsFor(log, 'rows.csv', csv, {
      signal: abort.signal,
      progress: ({ rows }) => rows > 0 && abort.abort(),
    })
    const first = await replay(options)
    assert.deepEqual([first.finished, first.rows], [false, 500])
    const second = await replay({ ...options, signal: new AbortController().signal, progress: undefined })
    assert.deepEqual([second.resumedAt, second.finished, second.records], [500, true, 1500])
  })
})

test('a speed spreads the rows over their own times', async () => {
  const log = await openBus()
  const spread = 'user,click,at\nu,0,10000\nu,0,20000\nu,0,40000\n'
  const startedMs = Date.now()
  const flushed: number[] = []
  await replay(optionsFor(log, 'rows.csv', spread, { speed: 100, progress: ({ rows }) => flushed.push(rows) }))
  assert.ok(Date.now() - startedMs >= 299, `${Date.now() - startedMs} ms`)
  assert.deepEqual(flushed, [0, 1, 2, 3])
})

test('a speed that is none is refused', async () => {
  for (const speed of [0, -1, Number.NaN])
    await assert.rejects(replay(optionsFor(await openBus(), 'rows.csv', csv, { speed })), error =>
      isCode(error, 'USAGE'),
    )
})

test('all problems of a mapping come at once', async () => {
  const options = optionsFor(await openBus(), 'rows.csv', csv)
  writeFileSync(options.mapping, 'outputs:\n  - to: events\n    fields: { colour: { constant: 1 } }\n')
  assert.throws(
    () => loadReplayMapping(options.mapping),
    (error: unknown) => {
      assert.ok(isCode(error, 'MAPPING_INVALID'))
      return (
        /outputs\[0\]\.fields\.colour/.test((error as Error).message) &&
        /event_id: is needed/.test((error as Error).message)
      )
    },
  )
})

describe('the examples on the real data', () => {
  const cases: [string, string, TopicName, number, (log: Log) => Promise<void>][] = [
    [
      'obd-men.yaml',
      'obd-men/random/men.csv',
      'requests',
      10_000,
      async log => {
        const requests = await readAll<Request>(log, 'requests')
        assert.ok(
          requests.every(each => each.candidates!.length === 34 && each.candidates!.includes(each.baseline![0])),
        )
        assert.ok(requests.every(each => Math.abs((each.context.logged_propensity as number) - 1 / 34) < 1e-9))
        assert.equal(new Set(requests.map(each => each.request_id)).size, 10_000)
        assert.ok((await readAll<BehaviorEvent>(log, 'events')).length > 20)
      },
    ],
    ['obd-men-items.yaml', 'obd-men/random/item_context.csv', 'items', 34, async () => {}],
    [
      'ml-latest-small.yaml',
      'ml-latest-small/ratings.csv',
      'events',
      100_836,
      async log => {
        const values = new Set((await readAll<BehaviorEvent>(log, 'events')).map(each => each.value))
        assert.deepEqual([...values].sort(), [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5])
      },
    ],
    [
      'ml-latest-small-movies.yaml',
      'ml-latest-small/movies.csv',
      'items',
      9742,
      async log => {
        const toy = (await readAll<Item>(log, 'items')).find(each => each.item_id === '1')!
        assert.equal(toy.text, 'Toy Story (1995)')
        assert.equal(toy.attributes.Animation, true)
      },
    ],
  ]
  for (const [name, file, topic, count, check] of cases)
    test(name, async t => {
      assert.ok(loadReplayMapping(example(name)).length > 0)
      const data = join(realData, file)
      if (!existsSync(data))
        return t.skip(`${data} is absent: only the mapping was checked (FEEDLOOP_DATA names the folder)`)
      const log = await openBus()
      const stateFile = join(mkdtempSync(join(folders, 'x')), 'state.json')
      const summary = await replay({ ...optionsFor(log, 'x.csv', ''), data, mapping: example(name), stateFile })
      assert.deepEqual([summary.rows, summary.refused], [count, 0])
      assert.equal((await readAll(log, topic)).length, count)
      await check(log)
    })
})
