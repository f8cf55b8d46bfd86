/** Why no reward is known of a log, and what there is counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ground } from '../../src/commands/train-ground.ts'
import { describe } from '../../src/commands/train-words.ts'
import type { Point } from '../../src/training/train.ts'

const point: Point = {
  decisions: 4,
  reward: null,
  return: null,
  share: null,
  sessionReturn: null,
  sessions: 0,
  stats: {},
  refused: {},
  version: '3',
}
const log = { unit: 'transitions', hint: 'baselineEpsilon', tells: [] } as unknown as Ground
const unknown = 'The log is learned after 4 transitions; best: reward unknown'
const cases: [string, Ground, string][] = [
  [
    'no exact propensity',
    log,
    `${unknown} (no decision held out has an exact propensity (baselineEpsilon)) with version 3.`,
  ],
  [
    'the policy would show nothing of it',
    { ...log, tells: ['reward'] },
    `${unknown} (of what is held out with an exact propensity this policy would show nothing) with version 3.`,
  ],
  [
    'an environment has its reasons in the points',
    { ...log, unit: 'decisions', environment: {} as Ground['environment'] },
    'It is over after 4 decisions; best: reward unknown with version 3.',
  ],
]
for (const [name, ground, text] of cases) test(name, () => assert.equal(describe(ground, 'over', [point]), text))
test('nothing learned', () => assert.equal(describe(log, 'over', []), 'The log is learned after 0 transitions.'))
