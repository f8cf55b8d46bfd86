import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FeedloopError, isCode } from '../../src/errors.ts'
import {
  createRedrive,
  findDeadLetter,
  listDeadLetters,
  type Morgue,
  REDRIVEN,
  type RedriveOptions,
  redriveAll,
} from '../../src/events/redrive.ts'
import { type DeadLetter, deadLetter } from '../../src/log/deadletters.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log, LogRecord } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'

const spec = (topic: string) => ({ topic, partitions: 2, replicationFactor: 1, config: {} })

/** A bus on which three records were refused, one of them buried twice. */
async function morgue() {
  const log = openEmbeddedLog()
  await log.createTopics([
    spec('p.events'),
    spec('shop.clicks'),
    spec('p.recommendations'),
    { ...spec('p.dead-letters'), partitions: 1 },
  ])
  const headers = { trace: Buffer.from('t-1') }
  const value = Buffer.from([0, 255, 1])
  const bury = async (
    topic: string,
    code: 'FIELD_MISSING' | 'TIME_IN_FUTURE' | 'WRONG_PARTITION',
    timestampMs: number,
  ) => {
    const offset = await log.append(topic, 1, [{ key: Buffer.from('k'), value, headers, timestampMs }])
    const [origin] = (await log.read(topic, 1, offset)) as LogRecord[]
    const letter = deadLetter({ origin, stage: 'intake', code, detail: 'why' })
    await log.append('p.dead-letters', 0, [letter])
    return letter
  }
  await bury('shop.clicks', 'FIELD_MISSING', 100)
  await log.append('p.dead-letters', 0, [await bury('p.events', 'TIME_IN_FUTURE', 200)])
  await bury('p.recommendations', 'FIELD_MISSING', 300)
  await log.append('p.dead-letters', 0, [{ key: null, value: Buffer.from('not ours') }])
  return { log, prefix: 'p.', bury }
}

const ids = async (letters: ReturnType<typeof listDeadLetters>) => {
  const found: string[] = []
  for await (const { id } of letters) found.push(id)
  return found
}

describe('list', () => {
  const all = ['shop.clicks/1/0', 'p.events/1/0', 'p.recommendations/1/0']
  const cases: [string, Parameters<typeof listDeadLetters>[1], string[]][] = [
    ['all, each once', {}, all],
    ['by code', { code: 'TIME_IN_FUTURE' }, [all[1]]],
    ['by topic', { topic: 'shop.clicks' }, [all[0]]],
    ['by topic without the prefix', { topic: 'events' }, [all[1]]],
    ['by stage', { stage: 'ranker' }, []],
    ['since', { sinceMs: 200 }, all.slice(1)],
    ['until', { untilMs: 200 }, all.slice(0, 1)],
  ]
  for (const [name, filter, expected] of cases)
    test(name, async () => assert.deepEqual(await ids(listDeadLetters(await morgue(), filter)), expected))

  test('what two stages refused is found under the reason of either', async () => {
    const at = await morgue()
    const [origin] = await at.log.read('p.events', 1, 0)
    const letter = deadLetter({ origin, stage: 'joiner', code: 'SLATE_HASH_MISMATCH', detail: 'another slate' })
    await at.log.append('p.dead-letters', 0, [letter])
    assert.deepEqual(await ids(listDeadLetters(at, { code: 'SLATE_HASH_MISMATCH' })), [all[1]])
    assert.deepEqual(await ids(listDeadLetters(at, { code: 'TIME_IN_FUTURE' })), [all[1]])
  })
})

test('show finds one, or says that there is none', async () => {
  const place = await morgue()
  const letter = await findDeadLetter(place, 'p.events/1/0')
  assert.deepEqual([letter.code, letter.message, letter.stage], ['TIME_IN_FUTURE', 'why', 'intake'])
  await assert.rejects(findDeadLetter(place, 'p.events/1/9'), error => isCode(error, 'USAGE'))
})

const redrive = (place: Morgue, letter: DeadLetter) => createRedrive(place)(letter)

describe('redrive', () => {
  test('puts the original bytes back, once, however often it is called', async () => {
    const place = await morgue()
    const letter = await findDeadLetter(place, 'shop.clicks/1/0')
    assert.deepEqual(await redrive(place, letter), { id: letter.id, result: 'appended', offset: 1 })
    assert.deepEqual(await redrive(place, letter), { id: letter.id, result: 'before', offset: 1 })
    const [record, ...more] = await place.log.read('shop.clicks', 1, 1)
    assert.deepEqual(more, [])
    assert.deepEqual([record.key, record.value], [Buffer.from('k'), Buffer.from([0, 255, 1])])
    assert.equal(record.timestampMs, 100)
    assert.deepEqual(Object.keys(record.headers).sort(), [REDRIVEN, 'trace'].sort())
  })
  test("puts one that stood in the wrong partition into its key's, once", async () => {
    const place = await morgue()
    const home = partitionFor('k', 2)
    assert.equal(home, 0, 'the records of this test are put into partition 1')
    await place.bury('p.events', 'WRONG_PARTITION', 400)
    const letter = await findDeadLetter(place, 'p.events/1/1')
    assert.deepEqual(await redrive(place, letter), { id: letter.id, result: 'appended', offset: 0 })
    assert.deepEqual(await redrive(place, letter), { id: letter.id, result: 'before', offset: 0 })
    assert.equal((await place.log.ends('p.events', home)).latest, 1)
  })
  test('works when retention took the records after the dead letter', async () => {
    const place = await morgue()
    const letter = await findDeadLetter(place, 'shop.clicks/1/0')
    place.log.truncateFront('shop.clicks', 1, 1)
    assert.equal((await redrive(place, letter)).result, 'appended')
  })
  test('never writes into a chained topic', async () => {
    const place = await morgue()
    await assert.rejects(redrive(place, await findDeadLetter(place, 'p.recommendations/1/0')), error =>
      isCode(error, 'USAGE'),
    )
  })
})

describe('redrive of many', () => {
  const results = async (
    at: Morgue,
    options?: RedriveOptions,
    letters: Parameters<typeof redriveAll>[1] = listDeadLetters(at),
  ) => {
    const found: string[] = []
    for await (const each of redriveAll(at, letters, options))
      found.push(
        `${each.id} ${each.result} ${'offset' in each ? each.offset : each.result === 'left' ? each.reason.code : each.of}`,
      )
    return found
  }

  test('goes on after one that cannot be put back', async () => {
    const place = await morgue()
    await place.bury('p.events', 'WRONG_PARTITION', 400)
    assert.deepEqual(await results(place), [
      'shop.clicks/1/0 appended 1',
      'p.events/1/0 appended 2',
      'p.recommendations/1/0 left USAGE',
      'p.events/1/1 appended 0',
    ])
    assert.deepEqual(await results(place), [
      'shop.clicks/1/0 before 1',
      'p.events/1/0 before 2',
      'p.recommendations/1/0 left USAGE',
      'p.events/1/1 before 0',
    ])
  })

  describe('what came back for the same reason', () => {
    /** One letter, put back and refused again with each of the codes, by a stage each. */
    const cameBack = async (...codes: DeadLetter['code'][]) => {
      const place = await morgue()
      const origin = await findDeadLetter(place, 'shop.clicks/1/0')
      await redrive(place, origin)
      await refuse(place, 1, ...codes)
      return place
    }
    const refuse = async ({ log }: Morgue, offset: number, ...codes: DeadLetter['code'][]) => {
      const [record] = await log.read('shop.clicks', 1, offset)
      for (const [stage, code] of codes.entries())
        await log.append('p.dead-letters', 0, [
          deadLetter({ origin: record, stage: `stage ${stage}`, code, detail: 'once more' }),
        ])
    }
    const clicks = (place: Morgue) => listDeadLetters(place, { topic: 'shop.clicks' })
    const ofClicks = (place: Morgue, options?: RedriveOptions) => results(place, options, clicks(place))

    test('stays, however often all are put back', async () => {
      const place = await cameBack('FIELD_MISSING')
      const stays = ['shop.clicks/1/0 before 1', 'shop.clicks/1/1 came back shop.clicks/1/0']
      assert.deepEqual(await ofClicks(place), stays)
      assert.deepEqual(await ofClicks(place), stays)
      assert.equal((await place.log.ends('shop.clicks', 1)).latest, 2)
    })
    test('goes by its id, and what comes of that stays in turn', async () => {
      const place = await cameBack('FIELD_MISSING')
      const named = [await findDeadLetter(place, 'shop.clicks/1/1')]
      assert.deepEqual(await results(place, {}, named), ['shop.clicks/1/1 appended 2'])
      await refuse(place, 2, 'FIELD_MISSING')
      assert.deepEqual(await ofClicks(place), [
        'shop.clicks/1/0 before 1',
        'shop.clicks/1/1 before 2',
        'shop.clicks/1/2 came back shop.clicks/1/1',
      ])
    })
    test('goes where that is asked for', async () => {
      const place = await cameBack('FIELD_MISSING')
      assert.deepEqual(await ofClicks(place, { again: true }), [
        'shop.clicks/1/0 before 1',
        'shop.clicks/1/1 appended 2',
      ])
    })
    test('goes once when the reason is another, also where a second stage refuses it for the first one', async () => {
      const place = await cameBack('FIELD_MISSING', 'TIME_IN_FUTURE')
      const once = [
        'shop.clicks/1/0 before 1',
        'shop.clicks/1/1 came back shop.clicks/1/0',
        'shop.clicks/1/1 appended 2',
      ]
      assert.deepEqual(await ofClicks(place), once)
      await refuse(place, 2, 'FIELD_MISSING', 'TIME_IN_FUTURE')
      const stays = 'shop.clicks/1/2 came back shop.clicks/1/1'
      assert.deepEqual((await ofClicks(place)).slice(-2), [stays, stays])
    })
  })

  test('ends when the log does not answer', async () => {
    const place = await morgue()
    const append = () => Promise.reject(new FeedloopError('LOG_UNAVAILABLE', 'no broker answers'))
    const log: Log = { ...place.log, append }
    await assert.rejects(results({ ...place, log }), error => isCode(error, 'LOG_UNAVAILABLE'))
  })

  test('reads a partition once, in whatever order the letters come', async () => {
    const place = await morgue()
    const letters: DeadLetter[] = []
    for (let i = 0; i < 100; i++) await place.bury('p.events', 'FIELD_MISSING', i)
    for await (const letter of listDeadLetters(place, { topic: 'events' })) letters.push(letter)
    let read = 0
    const log: Log = {
      ...place.log,
      async read(...at) {
        const records = await place.log.read(...at)
        read += records.length
        return records
      },
    }
    for (const order of [letters, letters.toReversed()]) {
      read = 0
      for await (const { result } of redriveAll({ ...place, log }, order))
        assert.equal(result, order === letters ? 'appended' : 'before')
      assert.ok(read <= 2 * letters.length + 101, `${read} records read`)
    }
  })
})
