import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { maxPolicyLag } from '../../src/learner/gradient/schema.ts'
import { stepOf } from '../../src/learner/service.ts'

test('what maxPolicyLag says of the time between two versions is the time between two steps', () => {
  const [, said] = /every ([\d,]+) ms/.exec(maxPolicyLag.description!)!
  for (const algorithm of ['ppo', 'a3c'] as const) {
    const intervalMs = (publishMs: number) =>
      stepOf(parseConfig({ policies: [{ algorithm }], learner: { publishMs } }), 0, 1).intervalMs
    assert.equal(intervalMs(60_000), Number(said))
    assert.equal(intervalMs(100), 100)
  }
})
