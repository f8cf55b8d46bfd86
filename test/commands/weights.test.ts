/** Versions as people write them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { versionNamed } from '../../src/commands/weights.ts'

test('a version by its number, or by its whole name', () => {
  const cases = { '5': '000000000005', '000000000012': '000000000012', '123456789012': '123456789012', v5: 'v5' }
  for (const [text, name] of Object.entries(cases)) assert.equal(versionNamed(text), name)
})
