/** What must fit into a batch is counted with its headers, and in one pass. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { encodeBatch } from '../../src/log/kafka/batch.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { batchBytesAtMost, inBatches } from '../../src/log/size.ts'

const bytes = fc.uint8Array({ maxLength: 400 }).map(array => Buffer.from(array))
const headers = fc.dictionary(fc.string({ maxLength: 9 }), bytes, { maxKeys: 3, noNullPrototype: true })
const anyRecord = fc.record({ key: fc.option(bytes), value: fc.option(bytes), headers })

test('batches keep the order, hold all, and stay within the bound for both logs', async () => {
  const maxBytes = 2000
  const log = openEmbeddedLog()
  const config = { 'max.message.bytes': String(maxBytes) }
  await log.createTopics([{ topic: 't', partitions: 1, replicationFactor: 1, config }])
  await fc.assert(
    fc.asyncProperty(fc.array(anyRecord, { maxLength: 40 }), async (records: NewRecord[]) => {
      const batches = [...inBatches(records, maxBytes)]
      assert.deepEqual(batches.flat(), records)
      for (const [i, batch] of batches.entries()) {
        const next = batches[i + 1]?.[0]
        assert.ok(next === undefined || batchBytesAtMost([...batch, next]) > maxBytes, 'none is cut early')
        if (batchBytesAtMost(batch) > maxBytes) assert.equal(batch.length, 1)
        else {
          assert.ok(encodeBatch(batch, 5).length <= maxBytes)
          await log.append('t', 0, batch)
        }
      }
    }),
  )
  await log.close()
})
