/** The rounds of the fetcher: who is asked for what at a time. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeBatch } from '../../src/log/kafka/batch.ts'
import { createRead } from '../../src/log/kafka/fetch.ts'
import type { Node } from '../../src/log/kafka/node.ts'
import type { Router } from '../../src/log/kafka/router.ts'

const PARTITIONS = 4
const record = { key: null, value: Buffer.from('value'), timestampMs: 1 }

/** A broker that has a record more in every partition each time it is asked. */
function eagerBroker(): { readonly router: Router; readonly rounds: () => number } {
  let rounds = 0
  const answer = (partition: number) => {
    const bytes = encodeBatch([record], 1)
    bytes.writeBigInt64BE(BigInt(rounds - 1)) // base offset, which the checksum leaves out
    return { topic: 't', partition, errorCode: 0, end: rounds, aborted: [], bytes }
  }
  const node = {
    async send() {
      rounds++
      await new Promise(resolve => setImmediate(resolve))
      return Array.from({ length: PARTITIONS }, (_, partition) => answer(partition))
    },
  } as unknown as Node
  const router = { leader: async () => node, forget() {} } as unknown as Router
  return { router, rounds: () => rounds }
}

describe('fetch rounds', () => {
  test('who was answered is in the next round', async () => {
    const READS = 10
    const { router, rounds } = eagerBroker()
    const read = createRead(router, new AbortController().signal)
    const reader = async (partition: number): Promise<void> => {
      let next = 0
      for (let reads = 0; reads < READS; reads++) {
        const [{ offset }] = await read('t', partition, next, { waitMs: 1000 })
        assert.ok(offset >= next)
        next = offset + 1
      }
    }
    await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => reader(partition)))
    // all but the first, which goes out for who asks first
    assert.ok(rounds() <= READS + 1, `${rounds()} rounds for ${READS} reads of each partition`)
  })
})
