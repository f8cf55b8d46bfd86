import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { type EmbeddedOptions, openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { contract } from './contract.ts'

const root = mkdtempSync(join(tmpdir(), 'feedloop-log-'))
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const newFolder = () => join(root, String(++folders))
const records = (...values: string[]) => values.map(value => ({ key: null, value: Buffer.from(value) }))
const spec = { topic: 't', partitions: 1, replicationFactor: 1, config: {} }
const values = async (log: ReturnType<typeof openEmbeddedLog>, offset = 0) =>
  (await log.read('t', 0, offset)).map(record => `${record.offset}:${record.value}`)

async function opened(options: EmbeddedOptions = {}) {
  const log = openEmbeddedLog(options)
  await log.createTopics([spec])
  return log
}

contract('embedded, in memory', async () => ({ log: openEmbeddedLog(), stop: async () => {} }))
contract('embedded, on disk', async () => ({
  log: openEmbeddedLog({ folder: newFolder(), segmentBytes: 2000 }),
  stop: async () => {},
}))

describe('the embedded log on disk', () => {
  test('everything is there after a crash: records, commits, topics', async () => {
    const folder = newFolder()
    const crashed = await opened({ folder, now: () => 42 })
    await crashed.append('t', 0, [{ key: Buffer.from('k'), value: null, headers: { h: Buffer.from('v') } }])
    const member = await crashed.join('g', ['t'], { assigned: async () => {}, failed: assert.fail })
    await member.commit([{ topic: 't', partition: 0, offset: 1, metadata: 'm' }])
    appendFileSync(join(folder, 'commits.jsonl'), '{"group":"g","posi')
    const log = openEmbeddedLog({ folder })
    assert.deepEqual(await log.read('t', 0, 0), [
      {
        topic: 't',
        partition: 0,
        offset: 0,
        key: Buffer.from('k'),
        value: null,
        headers: { h: Buffer.from('v') },
        timestampMs: 42,
      },
    ])
    assert.deepEqual(await log.committed('g', 't'), [{ topic: 't', partition: 0, offset: 1, metadata: 'm' }])
    await log.close()
  })

  test('a folder is the same log after a restart, another folder is another, and so is memory', async () => {
    const [folder, other] = [newFolder(), newFolder()]
    const first = openEmbeddedLog({ folder })
    await first.close()
    const again = openEmbeddedLog({ folder })
    assert.equal(again.identity, first.identity)
    const others = [openEmbeddedLog({ folder: other }), openEmbeddedLog(), openEmbeddedLog()]
    assert.equal(new Set([again, ...others].map(log => log.identity)).size, 4)
    for (const log of [again, ...others]) await log.close()
  })

  test('a tail torn at any byte is cut off, whole batches stay, and appends go on', async () => {
    const folder = newFolder()
    const whole = await opened({ folder })
    await whole.append('t', 0, records('a', 'b'))
    const file = join(folder, 'topics/t/0', readdirSync(join(folder, 'topics/t/0'))[0])
    const firstBatch = readFileSync(file).length
    await whole.append('t', 0, records('c'))
    const bytes = readFileSync(file)
    for (let length = firstBatch; length < bytes.length; length++) {
      writeFileSync(file, bytes.subarray(0, length))
      const log = openEmbeddedLog({ folder })
      assert.deepEqual(await values(log), ['0:a', '1:b'])
      assert.equal(await log.append('t', 0, records('d')), 2)
      await log.close()
      const again = openEmbeddedLog({ folder })
      assert.deepEqual(await values(again), ['0:a', '1:b', '2:d'])
      await again.close()
    }
  })

  test('damage before a later segment is an error, not a silent loss', async () => {
    const folder = newFolder()
    const log = await opened({ folder, segmentBytes: 1 })
    await log.append('t', 0, records('a'))
    await log.append('t', 0, records('b'))
    await log.close()
    const first = join(folder, 'topics/t/0', readdirSync(join(folder, 'topics/t/0')).sort()[0])
    truncateSync(first, 10)
    const reopened = () => openEmbeddedLog({ folder })
    assert.throws(reopened, error => isCode(error, 'LOG_CORRUPT'))
  })

  test('one flipped bit before the last batch is an error, and nothing is cut off; in the last it is a torn tail', async () => {
    const folder = newFolder()
    const whole = await opened({ folder })
    await whole.append('t', 0, records('a', 'b'))
    const file = join(folder, 'topics/t/0', readdirSync(join(folder, 'topics/t/0'))[0])
    const firstBytes = readFileSync(file).length
    await whole.append('t', 0, records('c'))
    await whole.close()
    const bytes = readFileSync(file)
    const lengthOfLast = { from: firstBytes * 8, to: (firstBytes + 4) * 8 }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (bit >= lengthOfLast.from && bit < lengthOfLast.to) continue
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3] ^= 0x80 >> (bit & 7)
      writeFileSync(file, damaged)
      if (bit < lengthOfLast.from) {
        assert.throws(
          () => openEmbeddedLog({ folder }),
          error => isCode(error, 'LOG_CORRUPT'),
          `bit ${bit}`,
        )
        assert.deepEqual(readFileSync(file), damaged)
      } else {
        const log = openEmbeddedLog({ folder })
        assert.deepEqual(await values(log), ['0:a', '1:b'], `bit ${bit}`)
        await log.close()
      }
    }
  })

  test('a folder that another live process holds is refused', async () => {
    const folder = newFolder()
    const log = await opened({ folder })
    await log.close()
    writeFileSync(join(folder, 'lock'), String(process.ppid))
    assert.throws(
      () => openEmbeddedLog({ folder }),
      error => isCode(error, 'LOG_UNAVAILABLE'),
    )
  })
})

for (const kind of ['in memory', 'on disk']) {
  const options = () => (kind === 'on disk' ? { folder: newFolder(), segmentBytes: 200 } : {})
  const reopen = async (log: ReturnType<typeof openEmbeddedLog>, { folder }: EmbeddedOptions) => {
    if (!folder) return log
    await log.close()
    return openEmbeddedLog({ folder })
  }

  describe(`truncation of the embedded log, ${kind}`, () => {
    test('the front goes as retention would take it, inside a batch too', async () => {
      const where = options()
      let log = await opened(where)
      for (const name of ['a', 'b', 'c']) await log.append('t', 0, records(`${name}0`, `${name}1`))
      log.truncateFront('t', 0, 3)
      log = await reopen(log, where)
      assert.deepEqual(await log.ends('t', 0), { earliest: 3, latest: 6 })
      assert.deepEqual(await values(log, 3), ['3:b1', '4:c0', '5:c1'])
      await assert.rejects(log.read('t', 0, 2), error => isCode(error, 'OFFSET_OUT_OF_RANGE'))
      log.truncateFront('t', 0, 6)
      log = await reopen(log, where)
      assert.deepEqual(await log.ends('t', 0), { earliest: 6, latest: 6 })
      assert.equal(await log.append('t', 0, records('d')), 6)
      await log.close()
    })

    test('the tail goes in whole batches, and offsets are given again', async () => {
      const where = options()
      let log = await opened(where)
      for (const name of ['a', 'b', 'c']) await log.append('t', 0, records(`${name}0`, `${name}1`))
      log.truncateTail('t', 0, 5)
      log = await reopen(log, where)
      assert.deepEqual(await log.ends('t', 0), { earliest: 0, latest: 4 })
      assert.equal(await log.append('t', 0, records('x')), 4)
      log = await reopen(log, where)
      assert.deepEqual(await values(log), ['0:a0', '1:a1', '2:b0', '3:b1', '4:x'])
      log.truncateTail('t', 0, 0)
      log = await reopen(log, where)
      assert.deepEqual(await log.ends('t', 0), { earliest: 0, latest: 0 })
      await log.close()
    })

    test('a reader that waits beyond a truncated tail is told', async () => {
      const log = await opened(options())
      await log.append('t', 0, records('a', 'b'))
      const waiting = log.read('t', 0, 2, { waitMs: 10_000 })
      log.truncateTail('t', 0, 1)
      await assert.rejects(waiting, error => isCode(error, 'OFFSET_OUT_OF_RANGE'))
      await log.close()
    })
  })
}

describe('the embedded log, closed', () => {
  test('a waiting reader is let go with an error', async () => {
    const log = await opened()
    const waiting = log.read('t', 0, 0, { waitMs: 10_000 })
    await log.close()
    await assert.rejects(waiting, error => isCode(error, 'LOG_UNAVAILABLE'))
    await assert.rejects(log.append('t', 0, records('a')), error => isCode(error, 'LOG_UNAVAILABLE'))
  })
})
