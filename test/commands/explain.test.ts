/** What came of a decision, in words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeJoined } from '../../src/commands/explain.ts'
import type { Joined, JoinedTransition } from '../../src/evaluation/joined.ts'

const of = (fields: Partial<JoinedTransition>): JoinedTransition => ({
  transition_id: 'd/0',
  decision_id: 'd',
  revision: 0,
  kind: 'initial',
  slot: 0,
  action: ['a'],
  examined: 'unknown',
  cumulative: {},
  reward_time_ms: null,
  next_decision_id: null,
  terminated: false,
  truncated: false,
  ...fields,
})
const base: Joined = { kind: 'open', transitions: [], isOpen: true, countsUntilMs: 1000, correctsUntilMs: 9e15 }
const windows =
  'outcomes that name no decision count until 1970-01-01T00:00:01.000Z, those that name it until +275760-09-13T00:00:00.000Z, by then as corrections'

const cases: [string, Partial<Joined>, readonly string[]][] = [
  ['nothing yet', {}, [`came of it   nothing yet, or it is not in the log (any more); open: ${windows}`]],
  ['nothing, ever', { kind: 'shed', isOpen: false }, ['came of it   nothing, ever: it was shed']],
  [
    'rewards by component, those of the slate too',
    {
      isOpen: false,
      transitions: [
        of({ revision: 2, cumulative: { click: 1, purchase: 12.5 }, reward_time_ms: 2000 }),
        of({ slot: 1, action: ['b'] }),
        of({ slot: -1, action: ['a', 'b'], revision: 1, cumulative: { refund: -1 } }),
      ],
    },
    [
      `came of it   closed: ${windows}`,
      '  slot 0  a: click 1, purchase 12.5 (revision 2, newest outcome 1970-01-01T00:00:02.000Z)',
      '  slot 1  b: no reward (revision 0)',
      '  slate  a, b: refund -1 (revision 1)',
    ],
  ],
  [
    'the way on, under a policy that is gone',
    {
      isOpen: null,
      countsUntilMs: null,
      correctsUntilMs: null,
      transitions: [of({ next_decision_id: 'e' }), of({ terminated: true }), of({ truncated: true })],
    },
    [
      'came of it   its policy is not configured (any more)',
      '  slot 0  a: no reward (revision 0), then e',
      '  slot 0  a: no reward (revision 0), the end of the episode',
      '  slot 0  a: no reward (revision 0), then unknown',
    ],
  ],
]
for (const [name, joined, lines] of cases)
  test(name, () => assert.deepEqual(describeJoined({ ...base, ...joined }), lines))
