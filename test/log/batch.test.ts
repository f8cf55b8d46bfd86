import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressSync } from 'snappy'
import { isCode } from '../../src/errors.ts'
import { decodeBatches, encodeBatch } from '../../src/log/kafka/batch.ts'
import { crc32c } from '../../src/log/kafka/crc32c.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { batchBytesAtMost } from '../../src/log/size.ts'

const where = { topic: 't', partition: 3, offset: 0 }
const record = (value: string): NewRecord => ({ key: null, value: Buffer.from(value), timestampMs: 1000 })
const values = async (bytes: Buffer, offset = 0, aborted: { producerId: bigint; firstOffset: number }[] = []) =>
  (await decodeBatches(bytes, { ...where, offset }, aborted)).records.map(r => `${r.offset}:${r.value}`)

/** A batch as a broker stores it: with a base offset, and attributes that a producer of another kind has set. */
function stored(
  baseOffset: number,
  records: NewRecord[],
  change: { attributes?: number; producerId?: bigint; body?: Buffer } = {},
) {
  const plain = encodeBatch(records, 5)
  const batch = change.body ? Buffer.concat([plain.subarray(0, 61), change.body]) : Buffer.from(plain)
  batch.writeBigInt64BE(BigInt(baseOffset), 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt16BE(change.attributes ?? 0, 21)
  if (change.producerId !== undefined) batch.writeBigInt64BE(change.producerId, 43)
  batch.writeUInt32BE(crc32c(batch, 21), 17)
  return batch
}

describe('record batches', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map(array => Buffer.from(array))
  const anyRecord = fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(
      fc.string({ unit: 'binary', maxLength: 6 }).filter(name => name !== '__proto__'),
      bytes,
      { maxKeys: 3 },
    ),
    timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  })

  test('what is encoded decodes to the same, and fits the bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), async records => {
        const batch = encodeBatch(records, 5)
        assert.ok(batch.length <= batchBytesAtMost(records))
        const decoded = await decodeBatches(batch, where)
        assert.equal(decoded.nextOffset, records.length)
        assert.deepEqual(
          decoded.records.map(({ key, value, headers, timestampMs }) => ({
            key,
            value,
            headers: { ...headers },
            timestampMs,
          })),
          records.map(r => ({ ...r, headers: { ...r.headers } })),
        )
      }),
    )
  })

  test('the head is what Kafka checks: length, format, checksum, largest timestamp', () => {
    const batch = encodeBatch(
      [record('a'), { ...record('b'), timestampMs: 9 }, { ...record('c'), timestampMs: 5000 }],
      5,
    )
    assert.equal(batch.readInt32BE(8), batch.length - 12)
    assert.equal(batch[16], 2)
    assert.equal(batch.readUInt32BE(17), crc32c(batch.subarray(21)))
    assert.equal(batch.readInt32BE(23), 2)
    assert.equal(Number(batch.readBigInt64BE(27)), 1000)
    assert.equal(Number(batch.readBigInt64BE(35)), 5000)
  })

  test('the checksum is CRC-32C: its check value, and a bit at a time for any length', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
    const bitwise = (data: Uint8Array): number => {
      let crc = 0xffffffff
      for (const byte of data) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
      }
      return ~crc >>> 0
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), data => assert.equal(crc32c(data), bitwise(data))))
  })

  test('a fetch that begins inside a batch leaves out what is below', async () => {
    const batches = Buffer.concat([stored(10, [record('a'), record('b')]), stored(12, [record('c')])])
    assert.deepEqual(await values(batches, 11), ['11:b', '12:c'])
  })

  test('a torn last batch is left out; a torn only batch says how much it needs', async () => {
    const [first, second] = [stored(0, [record('a')]), stored(1, [record('b')])]
    const torn = Buffer.concat([first, second.subarray(0, second.length - 1)])
    assert.deepEqual(await values(torn), ['0:a'])
    for (const length of [first.length - 1, 61, 30, 12]) {
      const only = await decodeBatches(first.subarray(0, length), where)
      assert.deepEqual(only, { records: [], nextOffset: 0, bytesNeeded: first.length })
    }
    const tiny = await decodeBatches(first.subarray(0, 5), where)
    assert.ok(tiny.bytesNeeded! > 0)
  })

  test('gzip and zstd are read; a codec that there is not is named', async () => {
    const body = encodeBatch([record('a'), record('b')], 5).subarray(61)
    const two = [record('a'), record('b')]
    assert.deepEqual(await values(stored(4, two, { attributes: 1, body: gzipSync(body) }), 4), ['4:a', '5:b'])
    assert.deepEqual(await values(stored(4, two, { attributes: 4, body: zstdCompressSync(body) }), 4), ['4:a', '5:b'])
    await assert.rejects(values(stored(4, two, { attributes: 5 }), 4), error => isCode(error, 'RECORD_UNREADABLE'))
  })

  /** Three records, written by kafka-clients 4.3.1: `MemoryRecords.builder(…, MAGIC_VALUE_V2, Compression.snappy() | lz4(), …, 7)`
   * and `append(1000 + i, 'k' + i, 'feedloop '.repeat(20) + i, [header h: byte i])`. */
  const fromJava = {
    snappy: Buffer.from(
      '00000000000000070000009affffffff0289d33fd600020000000200000000000003e800000000000003eaffffffffffffffffffffffff' +
        'ffff0000000382534e4150505900000000010000000100000055cc04488403000000046b30ea02666565646c6f6f7020fe0900fe0900aa' +
        '0900343002026802008403000202046b31fec400fec400d6c400003101c420018403000404046b32fec400fec400d6c400143202026802' +
        '02',
      'hex',
    ),
    lz4: Buffer.from(
      '000000000000000700000082ffffffff02073d3c7100030000000200000000000003e800000000000003eaffffffffffffffffffffffff' +
        'ffff0000000304224d1860408242000000ff048403000000046b30ea02666565646c6f6f7020090098ef3002026802008403000202046b' +
        '31c400a31031c4009f018403000404046b32c400a36032020268020200000000',
      'hex',
    ),
  }
  for (const [codec, batch] of Object.entries(fromJava)) {
    test(`${codec} of the Java client is read, every record with its offset, key, headers and time`, async () => {
      const { records, nextOffset } = await decodeBatches(batch, where)
      const expected = [0, 1, 2].map(i => ({
        topic: 't',
        partition: 3,
        offset: 7 + i,
        key: Buffer.from(`k${i}`),
        value: Buffer.from('feedloop '.repeat(20) + i),
        headers: { h: Buffer.from([i]) },
        timestampMs: 1000 + i,
      }))
      assert.deepEqual({ records, nextOffset }, { records: expected, nextOffset: 10 })
      assert.equal((await decodeBatches(Buffer.concat([batch, batch]), where)).records.length, 6)
    })

    test(`${codec}: a damaged batch is named, whatever its decompressor makes of it`, async () => {
      for (let at = 61; at < batch.length; at++) {
        const damaged = Buffer.from(batch)
        damaged[at] ^= 0x10
        await assert.rejects(decodeBatches(damaged, where), error => isCode(error, 'RECORD_UNREADABLE'))
      }
    })
  }

  test('snappy without a frame, as librdkafka writes it, and in several blocks', async () => {
    const two = [record('a'), record('b')]
    const body = encodeBatch(two, 5).subarray(61)
    const framed = fromJava.snappy.subarray(61, 61 + 16)
    const block = (bytes: Buffer) => {
      const packed = compressSync(bytes)
      const length = Buffer.alloc(4)
      length.writeInt32BE(packed.length)
      return Buffer.concat([length, packed])
    }
    const blocks = Buffer.concat([framed, block(body.subarray(0, 9)), block(body.subarray(9))])
    for (const packed of [compressSync(body), blocks])
      assert.deepEqual(await values(stored(4, two, { attributes: 2, body: packed }), 4), ['4:a', '5:b'])
    const torn = stored(4, two, { attributes: 2, body: blocks.subarray(0, -1) })
    await assert.rejects(values(torn, 4), error => isCode(error, 'RECORD_UNREADABLE'))
  })

  test('control batches and aborted transactions are passed over, but counted as read', async () => {
    const [transactional, control] = [0x10, 0x30]
    const batches = Buffer.concat([
      stored(0, [record('aborted')], { attributes: transactional, producerId: 7n }),
      stored(1, [record('other')], { attributes: transactional, producerId: 8n }),
      stored(2, [record('marker')], { attributes: control, producerId: 7n }),
      stored(3, [record('after')], { attributes: transactional, producerId: 7n }),
      stored(4, [record('marker')], { attributes: control, producerId: 7n }),
    ])
    assert.deepEqual(await values(batches, 0, [{ producerId: 7n, firstOffset: 0 }]), ['1:other', '3:after'])
    assert.equal((await decodeBatches(batches, where)).nextOffset, 5)
  })

  test('log append time goes for all records of the batch', async () => {
    const { records } = await decodeBatches(
      stored(0, [record('a'), { ...record('b'), timestampMs: 7000 }], { attributes: 8 }),
      where,
    )
    assert.deepEqual(
      records.map(r => r.timestampMs),
      [7000, 7000],
    )
  })
})
