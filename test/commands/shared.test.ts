import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { kafkaOf } from '../../src/commands/shared.ts'
import { parseConfig } from '../../src/config.ts'
import { FeedloopError } from '../../src/errors.ts'

test('a password file that is not there yet is waited for, and named', async () => {
  const sasl = { mechanism: 'plain', username: 'ann', passwordFile: '/nowhere/password' } as const
  const connect = kafkaOf(parseConfig({ kafka: { brokers: ['127.0.0.1:1'], sasl } }), pino({ level: 'silent' }))
  await assert.rejects(connect(), error => {
    assert.ok(error instanceof FeedloopError)
    assert.deepEqual([error.code, error.kind], ['SECRET_MISSING', 'retryable'])
    assert.match(error.message, /\/nowhere\/password/)
    return true
  })
})
