/** The page on data protection names every learner that keeps whole transitions. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { type AlgorithmName, algorithms } from '../../src/learner/algorithms.ts'
import { replayCapacity } from '../../src/learner/replay/keeper.ts'

const page = readFileSync(new URL('../../docs/data-protection.md', import.meta.url), 'utf8')

test('the row of the replay buffer names the learners that have one, and that they have it on disk', () => {
  const [, named, where] = /^\| the learner's replay buffer \(([^)]*)\)(.*)$/m.exec(page) ?? []
  const keep = (Object.keys(algorithms) as AlgorithmName[]).filter(algorithm => {
    const slateQ = { choices: ['click'] }
    const [policy] = parseConfig({ policies: [{ algorithm, rewards: { click: {} }, slateQ }] }).policies
    return replayCapacity(policy) !== undefined
  })
  assert.deepEqual(named.split(', ').sort(), keep.sort())
  assert.match(where, /state\.folder/)
})
