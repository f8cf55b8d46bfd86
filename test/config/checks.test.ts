/** What goes together: each refusal names the policy and what is wrong, all of them at once. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config.ts'

const refusals: Record<string, [policy: object, problem: RegExp]> = {
  'an outcome that takes back what is no reward': [
    { rewards: { purchase: {}, refund: { cancels: 'purchse' } } },
    /policies.default: rewards.refund cancels purchse, which is not among its rewards/,
  ],
  'seen types that no history holds': [
    { constraints: { excludeSeen: { types: ['glance'] } } },
    /policies.default: excludeSeen: glance is not in state.typeWeights/,
  ],
  'a choice that nobody is paid for': [
    { algorithm: 'slate-q', gamma: 0.9, rewards: { purchase: {} }, slateQ: { choices: ['click'] } },
    /policies.default: slateQ.choices: none of click is among its rewards/,
  ],
  'corrections that end before attribution does': [
    { attributionWindowMs: 2000, correctionWindowMs: 1000 },
    /policies.default: correctionWindowMs is shorter than attributionWindowMs/,
  ],
}

describe('what goes together', () => {
  for (const [name, [policy, problem]] of Object.entries(refusals))
    test(`${name} is refused`, () => {
      assert.throws(() => parseConfig({ policies: [policy] as never }), problem)
    })

  test('an outcome may take back any that is a reward', () => {
    assert.doesNotThrow(() =>
      parseConfig({ policies: [{ rewards: { purchase: {}, refund: { cancels: 'purchase' } } }] }),
    )
  })

  test('all that does not go together is told at once', () => {
    const policies = [{ name: 'a', rewards: { refund: { cancels: 'purchase' } } }, { name: 'a' }]
    assert.throws(() => parseConfig({ policies }), /names must be unique[\s\S]*cancels purchase/)
  })
})
