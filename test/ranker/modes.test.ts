/** Modes: what is shown, who chose it, and what its propensities are worth. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Mode, Request } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createDecide, type RankerView } from '../../src/ranker/decide.ts'
import { createTally } from '../../src/ranker/metrics.ts'
import { newUser } from '../../src/state/user.ts'
import { catalogue, nowMs, request, serve, shown, view, weighted } from './fixtures.ts'
import { chiSquareBound, chiSquareZ } from './statistics.ts'

/** Likes i3 best, then i2 … */
const model = weighted([1, 2, 3, 4])
const inMode = (mode: Mode, over: Partial<RankerView> = {}): RankerView =>
  view({ serving: (...who) => ({ ...serve(model)(...who), mode }), ...over })
const decide = (asked: Partial<Request>, given: RankerView, policy = {}) =>
  createDecide(parseConfig({ policies: [{ explorer: { name: 'greedy' }, ...policy }] }))(
    request(asked),
    newUser,
    nowMs,
    given,
  )
const baseline = ['i1', 'i0']

describe('apprentice', () => {
  test('shows the baseline, and logs what the policy would have shown with its probabilities', () => {
    const { recommendation: made } = decide({ baseline, slots: 2 }, inMode('apprentice'))
    assert.deepEqual(shown(made), ['i1', 'i0'])
    assert.deepEqual(
      [made.mode, made.chosen_by, made.propensity_kind, made.model_version, made.shadow_slate],
      ['apprentice', 'baseline', 'deterministic', '000007', ['i3', 'i2']],
    )
    assert.deepEqual(made.explorer, { name: 'baseline', parameters: { epsilon: 0 } })
    assert.deepEqual(made.first_slot_probabilities, [0, 0, 0, 1], "the policy's")
    for (const slot of made.slots) assert.equal(slot.conditional_propensity, 1)
  })

  test('the shadow slate is what the same request would be shown online', () => {
    for (let i = 0; i < 50; i++) {
      const asked = { request_id: `r${i}`, baseline, slots: 3 }
      const explorer = { explorer: { name: 'softmax' as const, temperature: 2 } }
      const online = decide(asked, inMode('online'), explorer).recommendation
      const apprentice = decide(asked, inMode('apprentice'), { ...explorer, baselineEpsilon: 0.5 }).recommendation
      assert.deepEqual(apprentice.shadow_slate, shown(online))
      assert.deepEqual(apprentice.first_slot_probabilities, online.first_slot_probabilities)
    }
  })

  test('an item that only the baseline brought in is a candidate, and one the policy could not have chosen', () => {
    const { recommendation: made } = decide(
      { candidates: ['i0', 'i1'], baseline: ['i2', 'i1'], slots: 2 },
      inMode('apprentice'),
    )
    assert.deepEqual(
      made.candidates.map(({ item_id, source, inclusion_probability: p }) => [item_id, source, p]),
      [
        ['i0', 'request', 1],
        ['i1', 'request', 1],
        ['i2', 'baseline', 1],
      ],
    )
    assert.deepEqual(
      [shown(made), made.shadow_slate],
      [
        ['i2', 'i1'],
        ['i1', 'i0'],
      ],
    )
    assert.deepEqual(made.first_slot_probabilities, [0, 1, 0])
    assert.ok(made.slots.every(slot => made.candidates[slot.candidate].item_id === slot.item_id))
  })

  test('a policy that drew nothing has no probabilities, whatever the baseline brought in', () => {
    const asked: Partial<Request>[] = [
      { candidates: ['i0', 'i1'], pinned: [{ position: 0, item_id: 'i0' }] },
      { candidates: ['i0', 'i1'], excluded: ['i0', 'i1'] },
    ]
    for (const each of asked) {
      const { recommendation: made } = decide({ ...each, baseline: ['i2'] }, inMode('apprentice'))
      assert.deepEqual([shown(made), made.candidates.length, made.first_slot_probabilities], [['i2'], 3, []])
    }
  })

  test('filters are asked of the baseline and not again of what was found', () => {
    const constraints = { banned: ['i2'], pinned: [{ position: 0, item: 'i4' }] }
    const candidates = { filters: ['item.id != "i3" || item.price > 1.0'] }
    const asked = { baseline: ['i3', 'i1'], candidates: ['i0', 'i1', 'i2'], pinned: [{ position: 0, item_id: 'i3' }] }
    const given = inMode('apprentice', { features: catalogue(5) })
    const { recommendation: made, failed } = decide({ ...asked, slots: 2 }, given, { constraints, candidates })
    assert.deepEqual([shown(made), made.constraints.masked], [['i1'], [2]])
    assert.deepEqual([...failed], [['item.id != "i3" || item.price > 1.0', 1]])
  })

  test('of what was thinned the baseline is included for sure', () => {
    const wide = inMode('apprentice', { features: catalogue(40) })
    const config = parseConfig({ limits: { maxCandidates: 4 } })
    for (let i = 0; i < 20; i++) {
      const { candidates } = createDecide(config)(
        request({ request_id: `r${i}`, baseline: ['i7'] }),
        newUser,
        nowMs,
        wide,
      ).recommendation
      for (const { item_id, inclusion_probability: p } of candidates) assert.equal(p, item_id === 'i7' ? 1 : 0.1)
      assert.ok(candidates.some(({ item_id }) => item_id === 'i7'))
    }
  })

  const epsilon = 0.3
  test('a randomised baseline has exact propensities that multiply and are met: 200,000 draws', () => {
    const given = inMode('apprentice')
    const decideOnce = createDecide(parseConfig({ policies: [{ baselineEpsilon: epsilon }] }))
    const counts = new Map<string, number>()
    const expected = new Map<string, number>()
    for (let i = 0; i < 200_000; i++) {
      const made = decideOnce(
        request({ request_id: `r${i}`, baseline, slots: 2 }),
        newUser,
        nowMs,
        given,
      ).recommendation
      const slate = shown(made).join()
      counts.set(slate, (counts.get(slate) ?? 0) + 1)
      const probability = made.slots.reduce((product, slot) => product * slot.conditional_propensity, 1)
      assert.equal(made.propensity_kind, 'exact')
      assert.equal(expected.get(slate) ?? probability, probability)
      expected.set(slate, probability)
    }
    const first = (item: string) => (item === 'i1' ? 1 - epsilon : 0) + epsilon / 4
    assert.equal(expected.size, 12, 'every slate can come')
    assert.ok(Math.abs(expected.get('i1,i0')! - first('i1') * (1 - epsilon + epsilon / 3)) < 1e-12)
    const sum = [...expected.values()].reduce((total, p) => total + p, 0)
    assert.ok(Math.abs(sum - 1) < 1e-9)
    const cells = Array.from(expected, ([slate, p]) => ({ observed: counts.get(slate)!, expected: 200_000 * p }))
    assert.ok(chiSquareZ(cells) < chiSquareBound)
  })

  const empty: [string, Partial<Request>, RankerView, string, readonly string[]][] = [
    ['no baseline', {}, inMode('apprentice'), 'no_baseline', ['i3']],
    [
      'all of it gone',
      { baseline: ['x', 'i0'] },
      inMode('apprentice', { features: catalogue(4, ['i0']) }),
      'baseline_unavailable',
      ['i3'],
    ],
  ]
  for (const [name, asked, given, reason, shadow] of empty)
    test(`${name}: nothing is shown, and the shadow slate is logged`, () => {
      const { recommendation: made } = decide(asked, given)
      assert.deepEqual(
        [made.slots, made.reason, made.chosen_by, made.propensity_kind],
        [[], reason, 'baseline', 'unknown'],
      )
      assert.deepEqual(made.shadow_slate, shadow)
    })

  test('with nothing to choose among the baseline is shown all the same', () => {
    const { recommendation: made } = decide({ candidates: ['x'], baseline }, inMode('apprentice'))
    assert.deepEqual([shown(made), made.shadow_slate, made.first_slot_probabilities], [['i1'], [], []])
  })

  test('the match rate counts each item of the shadow slate by where the baseline had it', () => {
    const tally = createTally()
    tally.decided(decide({ baseline: ['i3', 'i0', 'i2'], slots: 3 }, inMode('apprentice')))
    const counts = tally.counts().filter(({ metric }) => metric === 'feedloop_shadow_slots_total')
    assert.deepEqual(
      counts.map(({ labels, value }) => [labels!.result, value]),
      [
        ['same', 1],
        ['elsewhere', 1],
        ['absent', 1],
      ],
    )
  })
})

describe('logging only', () => {
  const logging = inMode('logging_only', { features: catalogue(4, ['i1']) })
  test('logs the baseline as it was shown, whatever is available or late; nothing is scored', () => {
    const asked = { baseline, slots: 2, deadline_ms: nowMs - 1, deferred: true }
    const { recommendation: made } = decide(asked, logging, { baselineEpsilon: 1 })
    assert.deepEqual(shown(made), ['i1', 'i0'])
    assert.deepEqual(
      [made.mode, made.chosen_by, made.propensity_kind, made.shadow_slate, made.first_slot_probabilities],
      ['logging_only', 'baseline', 'unknown', null, []],
    )
  })

  test('all of the baseline is logged, however many slots were asked for, and no rule touches it', () => {
    const constraints = { boosts: [{ when: 'item.price > 1.0', shift: 1 }], pinned: [{ position: 0, item: 'i3' }] }
    for (const pass of [1, 1e-12]) {
      const { recommendation: made, failed } = createDecide(parseConfig({ policies: [{ constraints }] }))(
        request({ baseline: ['i1', 'i0', 'gone'], slots: 1 }),
        newUser,
        nowMs,
        logging,
        pass,
      )
      assert.deepEqual([shown(made), [...failed]], [['i1', 'i0', 'gone'], []])
      const found = pass === 1 ? ['i0', 'i2', 'i3', 'i1', 'gone'] : ['i1', 'i0', 'gone']
      assert.deepEqual(
        made.candidates.map(({ item_id }) => item_id),
        found,
        'beside it what could have been shown',
      )
    }
  })

  test('without a baseline there is nothing to log', () => {
    const { recommendation: made } = decide({}, logging)
    assert.deepEqual([made.slots, made.reason], [[], 'no_baseline'])
  })
})

test('fewer items than slots: short_slate, whoever chose', () => {
  for (const mode of ['online', 'apprentice', 'logging_only'] as const) {
    const { recommendation: made } = decide({ baseline, candidates: baseline, slots: 3 }, inMode(mode))
    assert.deepEqual([made.slots.length, made.reason], [2, 'short_slate'], mode)
  }
})
