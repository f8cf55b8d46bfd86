/** The page on data protection names every learner that keeps whole transitions. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { type AlgorithmName, algorithms } from '../../src/learner/algorithms.ts'
import { createLearner } from '../../src/learner/create.ts'
import { createStateEncoder } from '../../src/state/encode.ts'

const page = readFileSync(new URL('../../docs/data-protection.md', import.meta.url), 'utf8')

test('the row of the replay buffer names the learners that have one, and that they have it on disk', async () => {
  const [, named, where] = /^\| the learner's replay buffer \(([^)]*)\)(.*)$/m.exec(page) ?? []
  const keep: string[] = []
  for (const algorithm of Object.keys(algorithms) as AlgorithmName[]) {
    const slateQ = { choices: ['click'] }
    const config = parseConfig({ policies: [{ algorithm, rewards: { click: {} }, slateQ }] })
    const learner = await createLearner(config, config.policies[0], createStateEncoder(config))
    if (learner.recall) keep.push(algorithm)
  }
  assert.deepEqual(named.split(', ').sort(), keep.sort())
  assert.match(where, /state\.folder/)
})
