/** A record that stands in another partition than its user's is refused where a step takes it, and left out when it is folded. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../../src/log/chain/codec.ts'
import { realRim } from '../../../src/log/chain/rim.ts'
import { chainRules } from '../../../src/log/chain/rules.ts'
import { jsonWire } from '../../../src/log/chain/simulation/stages.ts'
import { parseDeadLetter } from '../../../src/log/deadletters.ts'
import { openEmbeddedLog } from '../../../src/log/embedded/embedded.ts'
import type { LogRecord } from '../../../src/log/log.ts'
import { partitionFor } from '../../../src/log/partition.ts'
import type { TopicName } from '../../../src/pipeline.ts'
import { createTopics, put, readUntil, start } from './tasks.ts'

const PARTITIONS = 3
const USER = 'someone'
const HOME = partitionFor(USER, PARTITIONS)
const AWAY = (HOME + 1) % PARTITIONS

const record = (key: string | null, value: unknown, partition: number): LogRecord => ({
  topic: 'any',
  partition,
  offset: 0,
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(JSON.stringify(value)),
  headers: {},
  timestampMs: 1,
})

const own = { user_id: USER }
const cases: readonly (readonly [string, TopicName, LogRecord, 'taken' | 'refused'])[] = [
  ['a request at home', 'requests', record(USER, own, HOME), 'taken'],
  ['a request elsewhere', 'requests', record(USER, own, AWAY), 'refused'],
  ['a request at home under another Kafka key', 'requests', record('other', own, HOME), 'taken'],
  ['a request elsewhere under no Kafka key', 'requests', record(null, own, AWAY), 'refused'],
  ['an event elsewhere', 'events', record(USER, own, AWAY), 'refused'],
  ['a profile elsewhere', 'profiles', record(USER, own, AWAY), 'refused'],
  ['a user at home', 'users', record(USER, own, HOME), 'taken'],
  ['a deletion at home', 'users', record(USER, null, HOME), 'taken'],
  ['a deletion elsewhere', 'users', record(USER, null, AWAY), 'refused'],
  ['a decision elsewhere, which only its stage writes', 'recommendations', record(USER, own, AWAY), 'taken'],
  ['an item, whose topic is not per user', 'items', record('i', { item_id: 'i' }, 0), 'taken'],
]

const io = (log = openEmbeddedLog()) => ({ log, rim: realRim(), rules: chainRules })

for (const [name, topic, one, expected] of cases)
  test(`${name}: ${expected}`, async () => {
    const from = { topic, partition: one.partition, partitions: PARTITIONS }
    const { inputs, undecodable } = await decode(io(), jsonWire, from, [one])
    assert.deepEqual(
      [inputs.length, undecodable.map(each => each.error.code)],
      expected === 'taken' ? [1, []] : [0, ['WRONG_PARTITION']],
    )
    const folded = await decode(io(), jsonWire, { topic, partition: one.partition }, [one])
    assert.equal(folded.inputs.length, 1, 'unchecked without a count')
  })

test('a task buries it, counts nothing of it, and a replay sees the same', async () => {
  const log = openEmbeddedLog()
  await createTopics(log, 'w.')
  const users = ['a', 'b', 'c', 'd', 'e', 'f']
  const [here, stranger] = [0, 1].map(partition => users.find(user => partitionFor(user, 2) === partition)!)
  const ask = (id: number) => put(log, 'w.requests', { user_id: here, n: id })
  const answers = async (count: number) =>
    (await readUntil(log, 'w.', all => all.length >= count)).map(each => JSON.parse(each.value!.toString()))

  const first = start(log, 'w.', { partitions: 2 })
  await first.ready
  await put(log, 'w.events', { user_id: here, n: 7 })
  const offset = await put(log, 'w.events', { user_id: stranger, n: 100 })
  await ask(1)
  const [one] = await answers(1)
  await first.stop()
  assert.ok(one.sum <= 7, `the stranger's 100 is in ${one.sum}`)

  const second = start(log, 'w.', { partitions: 2 })
  await second.ready
  await put(log, 'w.events', { user_id: here, n: 1 })
  await ask(2)
  const [, two] = await answers(2)
  await second.stop()
  assert.ok(two.sum - one.draw <= 8, `the stranger's 100 is in ${two.sum}, after ${one.draw}`)

  const letters = (await log.read('w.dead-letters', 0, 0)).map(each => parseDeadLetter(each)!)
  assert.deepEqual(
    letters.map(({ id, code, stage }) => [id, code, stage]),
    [[`w.events/0/${offset}`, 'WRONG_PARTITION', 'adding']],
  )
})
