import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'

const day = 86_400_000
const policies = [{ correctionWindowMs: 30 * day }]

test('a correction window longer than the retention that joins are rebuilt from is refused', () => {
  assert.throws(() => parseConfig({ policies }), /retention of events.*raise topics\.retentionHours to 720/)
  assert.doesNotThrow(() => parseConfig({ policies, topics: { retentionHours: 720 } }))
  assert.doesNotThrow(() => parseConfig({}))
})
