/**
 * The joiner's specification as named cases: records in, revisions out. `steps` are taken one after the other, each
 * `[second of the tick, ...records]`; `out` is what is written in all, one line a revision:
 *
 *   `d1/0#1 reward click+1 =1`      revision 1 of slot 0 of d1: kind, change, reward so far
 *   `… → d2 ×0.9`                   its next decision and the discount
 *   `… terminated`, `… truncated`   how the episode ended
 */
import type { BehaviorEvent, Recommendation, Transition } from '../../schemas/records.ts'
import type { ConfigInput } from '../../src/config.ts'
import { decision, event, outcome } from './make.ts'

type PolicyInput = NonNullable<ConfigInput['policies']>[number]

export interface Case {
  readonly name: string
  readonly policy?: PolicyInput
  /** More policies after the first. */
  readonly more?: readonly PolicyInput[]
  readonly steps: readonly (readonly [number, ...(Recommendation | BehaviorEvent)[]])[]
  readonly out: readonly string[]
  /** Codes of refused records. */
  readonly refused?: readonly string[]
  readonly counts?: Readonly<Record<string, number>>
}

/** One revision as a line. */
export function lineOf(transition: Transition): string {
  const { transition_id: id, revision, kind, delta, cumulative, next_decision_id: next, discount } = transition
  const changes = Object.entries(delta).map(([name, change]) => `${name}${change < 0 ? '' : '+'}${round(change)}`)
  const total = Object.values(cumulative).reduce((sum, value) => sum + value, 0)
  return [
    `${id}#${revision}`,
    kind,
    ...changes,
    `=${round(total)}`,
    ...(next ? [`→ ${next} ×${round(discount!)}`] : []),
    ...(transition.terminated ? ['terminated'] : []),
    ...(transition.truncated ? ['truncated'] : []),
  ].join(' ')
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4

const same = outcome('click', 'd1', 1)
const aggregated = (aggregate: 'sum' | 'first' | 'last' | 'max' | 'min' | 'mean' | 'count'): PolicyInput => ({
  rewards: { rating: { value: 'value', aggregate } },
  defaultReward: { rating: 9 },
})
const ratings = (...values: number[]) => values.map((value, i) => outcome('rating', 'd1', 1 + i, { value }))
const refunds = { rewards: { purchase: { value: 'value' }, refund: { cancels: 'purchase' } } } as const
const chained = { gamma: 0.9 } as const
const slate = { items: ['a', 'b', 'c'] }

export const cases: readonly Case[] = [
  // decisions
  { name: 'a decision is learnable at once', steps: [[0, decision('d1', 0)]], out: ['d1/0#0 initial =0'] },
  {
    name: 'a decision without a click becomes a negative, it is not discarded (6)',
    policy: { defaultReward: { click: -1 } },
    steps: [[0, decision('d1', 0)], [2000]],
    out: ['d1/0#0 initial click-1 =-1'],
  },
  {
    name: 'a decision is written without feedback, not only with it (8)',
    policy: { learn: 'at-close' },
    steps: [[0, decision('d1', 0)], [60]],
    out: ['d1/0#0 initial =0'],
  },
  {
    name: 'the same decision twice counts once',
    steps: [[0, decision('d1', 0), decision('d1', 0)]],
    out: ['d1/0#0 initial =0'],
    counts: { duplicate: 1, opened: 1 },
  },
  {
    name: 'an expired decision makes no transition',
    steps: [[0, decision('d1', 0, { reason: 'expired' })]],
    out: [],
    counts: { expired: 1 },
  },
  {
    name: 'a shed decision makes no transition',
    steps: [[0, decision('d1', 0, { shed: true })]],
    out: [],
    counts: { shed: 1 },
  },
  {
    name: 'a decision that showed nothing makes no transition',
    steps: [[0, decision('d1', 0, { items: [] })]],
    out: [],
    counts: { inactive: 1 },
  },
  {
    name: 'one bad record does not skip the others of its step (3)',
    steps: [[1, decision('d1', 0), decision('d2', 0, { propensity: 2 }), outcome('click', 'd1', 1), decision('d3', 0)]],
    out: ['d1/0#0 initial click+1 =1', 'd3/0#0 initial =0'],
    refused: ['PROPENSITY_INVALID'],
  },

  // outcomes that name their decision
  {
    name: 'an outcome is a reward',
    steps: [
      [0, decision('d1', 0)],
      [1, outcome('click', 'd1', 1)],
    ],
    out: ['d1/0#0 initial =0', 'd1/0#1 reward click+1 =1'],
    counts: { joined: 1 },
  },
  {
    name: 'decision and outcome in one step are one revision',
    steps: [[1, decision('d1', 0), outcome('click', 'd1', 1)]],
    out: ['d1/0#0 initial click+1 =1'],
  },
  {
    name: 'an outcome seen before its decision waits for it',
    steps: [
      [1, outcome('click', 'd1', 1)],
      [2, decision('d1', 0)],
    ],
    out: ['d1/0#0 initial click+1 =1'],
  },
  {
    name: 'an outcome whose decision never comes is an orphan',
    steps: [[1, outcome('click', 'd1', 1)], [2000]],
    out: [],
    refused: ['OUTCOME_ORPHAN'],
    counts: { orphan: 1 },
  },
  {
    name: 'of two outcomes that wait, the older gives up first',
    steps: [[900, outcome('click', 'd1', 10), outcome('click', 'd1', 900)], [1200], [1201, decision('d1', 800)]],
    out: ['d1/0#0 initial click+1 =1'],
    refused: ['OUTCOME_ORPHAN'],
    counts: { orphan: 1, correction: 1 },
  },
  {
    name: 'later feedback counts beside the first (12)',
    steps: [
      [0, decision('d1', 0)],
      [1, outcome('click', 'd1', 1)],
      [2, outcome('click', 'd1', 2)],
    ],
    out: ['d1/0#0 initial =0', 'd1/0#1 reward click+1 =1', 'd1/0#2 reward click+1 =2'],
  },
  {
    name: 'the same outcome twice counts once',
    steps: [
      [0, decision('d1', 0)],
      [1, same],
      [2, same],
    ],
    out: ['d1/0#0 initial =0', 'd1/0#1 reward click+1 =1'],
    counts: { duplicate: 1, joined: 1 },
  },
  {
    name: 'a click after the window is a correction of the full transition, counted and kept (2, 7)',
    steps: [[0, decision('d1', 0)], [90], [100, outcome('click', 'd1', 95)]],
    out: ['d1/0#0 initial =0', 'd1/0#1 reward click+1 =1'],
    counts: { correction: 1 },
  },
  {
    name: 'a click past the correction window is an orphan: counted, and kept as a dead letter (2)',
    steps: [
      [0, decision('d1', 0)],
      [1001, outcome('click', 'd1', 1001)],
    ],
    out: ['d1/0#0 initial =0'],
    refused: ['OUTCOME_ORPHAN'],
    counts: { orphan: 1 },
  },
  {
    name: 'a silent source comes back with its backlog, and all of it counts (1)',
    steps: [
      [0, decision('d1', 0)],
      [61, decision('d2', 61)],
      [62, outcome('click', 'd1', 2), outcome('click', 'd1', 3)],
    ],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0', 'd1/0#1 reward click+2 =2'],
  },
  {
    name: 'an outcome that echoes its slate counts',
    steps: [[1, decision('d1', 0), outcome('click', 'd1', 1, { slate_hash: 'hash-d1' })]],
    out: ['d1/0#0 initial click+1 =1'],
  },
  {
    name: 'an outcome that waited is still checked',
    steps: [
      [1, outcome('click', 'd1', 1, { slate_hash: 'x' })],
      [2, decision('d1', 0)],
    ],
    out: ['d1/0#0 initial =0'],
    refused: ['SLATE_HASH_MISMATCH'],
  },
  {
    name: 'a clock a little behind its decision does no harm',
    steps: [[1, decision('d1', 0.5), outcome('click', 'd1', 0.2)]],
    out: ['d1/0#0 initial click+1 =1'],
  },
  {
    name: 'a type without a reward joins and is none',
    steps: [[1, decision('d1', 0), outcome('share', 'd1', 1)]],
    out: ['d1/0#0 initial =0'],
    counts: { joined: 1 },
  },

  // rewards
  {
    name: 'sum',
    policy: aggregated('sum'),
    steps: [[9, decision('d1', 0), ...ratings(2, -3, 5)]],
    out: ['d1/0#0 initial rating+4 =4'],
  },
  {
    name: 'first',
    policy: aggregated('first'),
    steps: [[9, decision('d1', 0), ...ratings(2, -3, 5)]],
    out: ['d1/0#0 initial rating+2 =2'],
  },
  {
    name: 'first is first by event time, not by arrival',
    policy: aggregated('first'),
    steps: [[9, decision('d1', 0), ...ratings(2, -3, 5).reverse()]],
    out: ['d1/0#0 initial rating+2 =2'],
  },
  {
    name: 'last',
    policy: aggregated('last'),
    steps: [[9, decision('d1', 0), ...ratings(2, -3, 5)]],
    out: ['d1/0#0 initial rating+5 =5'],
  },
  {
    name: 'max of all-negative rewards is the greatest of them, not the default (9)',
    policy: aggregated('max'),
    steps: [[9, decision('d1', 0), ...ratings(-4, -3, -5)]],
    out: ['d1/0#0 initial rating-3 =-3'],
  },
  {
    name: 'min',
    policy: aggregated('min'),
    steps: [[9, decision('d1', 0), ...ratings(2, -3, 5)]],
    out: ['d1/0#0 initial rating-3 =-3'],
  },
  {
    name: 'mean',
    policy: aggregated('mean'),
    steps: [[9, decision('d1', 0), ...ratings(2, -3, 5.5)]],
    out: ['d1/0#0 initial rating+1.5 =1.5'],
  },
  {
    name: 'count',
    policy: aggregated('count'),
    steps: [[9, decision('d1', 0), ...ratings(2, -3)]],
    out: ['d1/0#0 initial rating+2 =2'],
  },
  {
    name: 'the default stands only while there is nothing',
    policy: aggregated('sum'),
    steps: [
      [0, decision('d1', 0)],
      [1, ...ratings(2)],
    ],
    out: ['d1/0#0 initial rating+9 =9', 'd1/0#1 reward rating-7 =2'],
  },
  {
    name: 'a last reward that replaces is a change',
    policy: aggregated('last'),
    steps: [
      [1, decision('d1', 0), ...ratings(2)],
      [3, outcome('rating', 'd1', 3, { value: -1 })],
    ],
    out: ['d1/0#0 initial rating+2 =2', 'd1/0#1 reward rating-3 =-1'],
  },
  {
    name: 'an outcome that changes nothing writes nothing',
    policy: aggregated('max'),
    steps: [
      [1, decision('d1', 0), ...ratings(5)],
      [3, outcome('rating', 'd1', 3, { value: 1 })],
    ],
    out: ['d1/0#0 initial rating+5 =5'],
  },
  {
    name: 'a refund takes its purchase back',
    policy: refunds,
    steps: [
      [1, decision('d1', 0), outcome('purchase', 'd1', 1, { value: 30 })],
      [5, outcome('refund', 'd1', 5)],
    ],
    out: ['d1/0#0 initial purchase+30 =30', 'd1/0#1 retraction purchase-30 =0'],
  },
  {
    name: 'a refund of a value takes that purchase back',
    policy: refunds,
    steps: [
      [2, decision('d1', 0), outcome('purchase', 'd1', 1, { value: 30 }), outcome('purchase', 'd1', 2, { value: 50 })],
      [5, outcome('refund', 'd1', 5, { value: 30 })],
    ],
    out: ['d1/0#0 initial purchase+80 =80', 'd1/0#1 retraction purchase-30 =50'],
  },
  {
    name: 'a purchase after a refund is a reward again',
    policy: refunds,
    steps: [
      [1, decision('d1', 0), outcome('purchase', 'd1', 1, { value: 30 })],
      [5, outcome('refund', 'd1', 5)],
      [7, outcome('purchase', 'd1', 7, { value: 50 })],
    ],
    out: ['d1/0#0 initial purchase+30 =30', 'd1/0#1 retraction purchase-30 =0', 'd1/0#2 reward purchase+50 =50'],
  },
  {
    name: 'a dislike that is taken back is a retraction, too',
    policy: { rewards: { dislike: { value: -1 }, undo: { cancels: 'dislike' } } },
    steps: [
      [1, decision('d1', 0), outcome('dislike', 'd1', 1)],
      [5, outcome('undo', 'd1', 5)],
      [7, outcome('dislike', 'd1', 7)],
    ],
    out: ['d1/0#0 initial dislike-1 =-1', 'd1/0#1 retraction dislike+1 =0', 'd1/0#2 reward dislike-1 =-1'],
  },
  {
    name: 'a refund that arrives before its purchase takes it back all the same',
    policy: refunds,
    steps: [
      [1, decision('d1', 0)],
      [5, outcome('refund', 'd1', 5)],
      [6, outcome('purchase', 'd1', 2, { value: 30 })],
    ],
    out: ['d1/0#0 initial =0'],
  },
  {
    name: 'a refund without a purchase is nothing',
    policy: refunds,
    steps: [[5, decision('d1', 0), outcome('refund', 'd1', 5)]],
    out: ['d1/0#0 initial =0'],
  },

  // slates
  {
    name: 'a slate has a transition a slot and one for the whole',
    steps: [[0, decision('d1', 0, slate)]],
    out: ['d1/0#0 initial =0', 'd1/1#0 initial =0', 'd1/2#0 initial =0', 'd1/-1#0 initial =0'],
  },
  {
    name: 'a click on an item counts for its slot and for the slate',
    steps: [
      [0, decision('d1', 0, slate)],
      [1, outcome('click', 'd1', 1, { item_id: 'b' })],
    ],
    out: [
      'd1/0#0 initial =0',
      'd1/1#0 initial =0',
      'd1/2#0 initial =0',
      'd1/-1#0 initial =0',
      'd1/1#1 reward click+1 =1',
      'd1/-1#1 reward click+1 =1',
    ],
  },
  {
    name: 'a click on a slot counts for it',
    steps: [[1, decision('d1', 0, { items: ['a', 'b'] }), outcome('click', 'd1', 1, { slot: 1 })]],
    out: ['d1/0#0 initial =0', 'd1/1#0 initial click+1 =1', 'd1/-1#0 initial click+1 =1'],
  },
  {
    name: 'an outcome of neither counts for the slate only',
    steps: [[1, decision('d1', 0, { items: ['a', 'b'] }), outcome('click', 'd1', 1)]],
    out: ['d1/0#0 initial =0', 'd1/1#0 initial =0', 'd1/-1#0 initial click+1 =1'],
  },

  // deferred
  {
    name: 'a deferred decision waits for its activation',
    steps: [
      [0, decision('d1', 0, { deferred: true })],
      [1, outcome('activate', 'd1', 1)],
    ],
    out: ['d1/0#0 initial =0'],
  },
  {
    name: 'one that is never activated writes nothing',
    steps: [[0, decision('d1', 0, { deferred: true })], [1, outcome('click', 'd1', 1)], [2000]],
    out: [],
    counts: { inactive: 1 },
  },
  {
    name: 'outcomes before the activation count after it',
    steps: [
      [0, decision('d1', 0, { deferred: true })],
      [1, outcome('click', 'd1', 1)],
      [2, outcome('activate', 'd1', 2)],
    ],
    out: ['d1/0#0 initial click+1 =1'],
  },
  {
    name: 'an activation at the end of the window counts',
    steps: [
      [0, decision('d1', 0, { deferred: true })],
      [10, outcome('activate', 'd1', 10)],
    ],
    out: ['d1/0#0 initial =0'],
  },
  {
    name: 'an activation after the window is none',
    steps: [
      [0, decision('d1', 0, { deferred: true })],
      [12, outcome('activate', 'd1', 11)],
    ],
    out: [],
  },
  {
    name: 'outcomes by item find it once it is active',
    steps: [
      [1, decision('d1', 0, { deferred: true }), event('click', 2, { item_id: 'a' })],
      [3, outcome('activate', 'd1', 1)],
    ],
    out: ['d1/0#0 initial click+1 =1'],
  },

  // at close
  {
    name: 'at close: nothing before',
    policy: { learn: 'at-close' },
    steps: [[1, decision('d1', 0), outcome('click', 'd1', 1)], [9]],
    out: [],
  },
  {
    name: 'at close: one revision with all',
    policy: { learn: 'at-close' },
    steps: [[2, decision('d1', 0), outcome('click', 'd1', 1), outcome('click', 'd1', 2)], [11], [60]],
    out: ['d1/0#0 initial click+2 =2'],
  },
  {
    name: 'at close: corrections after',
    policy: { learn: 'at-close' },
    steps: [[1, decision('d1', 0)], [60], [61, outcome('click', 'd1', 2)]],
    out: ['d1/0#0 initial =0', 'd1/0#1 reward click+1 =1'],
  },
  {
    name: 'at close: a window as long as the correction window is written before its decision goes',
    policy: { learn: 'at-close', attributionWindowMs: 1_000_000, sessionGapMs: 1_000_000 },
    steps: [[1, decision('d1', 0.9)], ...Array.from({ length: 200 }, (_, i) => [1000.85 + i / 100] as const)],
    out: ['d1/0#0 initial =0'],
  },

  // episodes
  {
    name: 'a bandit needs no continuation',
    steps: [[2, decision('d1', 0), decision('d2', 2)], [500]],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0'],
  },
  {
    name: 'the next decision of the session continues it',
    policy: chained,
    steps: [
      [0, decision('d1', 0)],
      [2, decision('d2', 2)],
    ],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0', 'd1/0#1 continuation =0 → d2 ×0.81'],
  },
  {
    name: 'a decision that arrives late between two replaces the continuation',
    policy: chained,
    steps: [
      [2, decision('d1', 0), decision('d3', 2)],
      [3, decision('d2', 1)],
    ],
    out: [
      'd1/0#0 initial =0',
      'd1/0#1 continuation =0 → d3 ×0.81',
      'd3/0#0 initial =0',
      'd2/0#0 initial =0',
      'd2/0#1 continuation =0 → d3 ×0.9',
      'd1/0#2 continuation =0 → d2 ×0.9',
    ],
  },
  {
    name: 'of two decisions at one time the one with the lower step comes first',
    policy: chained,
    steps: [[1, decision('d1', 0, { session_step: 1 }), decision('d2', 0, { session_step: 0 })]],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0', 'd2/0#1 continuation =0 → d1 ×1'],
  },
  {
    name: 'another session does not continue it',
    policy: chained,
    steps: [[2, decision('d1', 0), decision('d2', 2, { session_id: 't' })]],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0'],
  },
  {
    name: 'another user does not continue it',
    policy: chained,
    steps: [[2, decision('d1', 0), decision('d2', 2, { user_id: 'v' })]],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0'],
  },
  {
    name: 'an expired decision does not continue it',
    policy: chained,
    steps: [[2, decision('d1', 0), decision('d2', 2, { reason: 'expired' })]],
    out: ['d1/0#0 initial =0'],
  },
  {
    name: 'a deferred decision continues it once activated',
    policy: chained,
    steps: [
      [2, decision('d1', 0), decision('d2', 2, { deferred: true })],
      [3, outcome('activate', 'd2', 3)],
    ],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0', 'd1/0#1 continuation =0 → d2 ×0.81'],
  },
  {
    name: 'a session that falls silent is truncated (11)',
    policy: chained,
    steps: [[0, decision('d1', 0)], [29], [31]],
    out: ['d1/0#0 initial =0', 'd1/0#1 close =0 truncated'],
  },
  {
    name: 'a session that is left is terminated (11)',
    policy: chained,
    steps: [[0, decision('d1', 0)], [5, event('leave', 5, { session_id: 's' })], [60]],
    out: ['d1/0#0 initial =0', 'd1/0#1 close =0 terminated'],
  },
  {
    name: 'a leave may name the decision',
    policy: chained,
    steps: [
      [0, decision('d1', 0)],
      [5, outcome('leave', 'd1', 5)],
    ],
    out: ['d1/0#0 initial =0', 'd1/0#1 close =0 terminated'],
  },
  {
    name: 'a leave that names no session ends all of its user',
    policy: chained,
    more: [{ name: 'second', gamma: 0.5 }],
    steps: [
      [2, decision('d1', 0), decision('d2', 1, { session_id: 't' }), decision('d3', 2, { policy: 'second' })],
      [5, event('leave', 5)],
      [6, decision('d4', 4, { session_id: 'new' }), decision('x', 4, { user_id: 'v' })],
    ],
    out: [
      'd1/0#0 initial =0',
      'd2/0#0 initial =0',
      'd3/0#0 initial =0',
      'd1/0#1 close =0 terminated',
      'd2/0#1 close =0 terminated',
      'd3/0#1 close =0 terminated',
      'd4/0#0 initial =0',
      'd4/0#1 close =0 terminated',
      'x/0#0 initial =0',
    ],
  },
  {
    name: 'it ends nothing that comes after it',
    policy: chained,
    steps: [
      [5, event('leave', 5)],
      [6, decision('d1', 6)],
    ],
    out: ['d1/0#0 initial =0'],
  },
  ...(
    [
      ['that names the session', event('leave', 100, { session_id: 's' })],
      ['that names the decision', outcome('leave', 'd1', 100)],
      ['that names neither', event('leave', 100)],
    ] as const
  ).map(([what, leave]) => ({
    name: `a leave ${what} ends a decision that arrives when the first ones are past correction`,
    policy: chained,
    steps: [
      [100, decision('d1', 0), leave],
      [1010, decision('x', 1010, { user_id: 'v' })],
      [1011, decision('d2', 50)],
      [1045],
    ] as const,
    out: [
      'd1/0#0 initial =0',
      'd1/0#1 close =0 terminated',
      'x/0#0 initial =0',
      'd2/0#0 initial =0',
      'd2/0#1 close =0 terminated',
      'x/0#1 close =0 truncated',
    ],
  })),
  {
    name: 'a leave past correction ends nothing more, whoever else has come into what it ended',
    policy: chained,
    steps: [
      [10, event('leave', 0), decision('d1', 10, { session_id: 't' })],
      [1005, decision('x', 1005, { user_id: 'v' })],
      [1006, decision('d2', 0)],
      [1045],
    ],
    out: [
      'd1/0#0 initial =0',
      'x/0#0 initial =0',
      'd1/0#1 close =0 truncated',
      'd2/0#0 initial =0',
      'd2/0#1 close =0 truncated',
      'x/0#1 close =0 truncated',
    ],
  },
  {
    name: 'a leave before the last decision ends nothing',
    policy: chained,
    steps: [
      [5, event('leave', 5, { session_id: 's' })],
      [6, decision('d1', 6)],
    ],
    out: ['d1/0#0 initial =0'],
  },
  {
    name: 'a next decision after all replaces a truncation',
    policy: chained,
    steps: [[0, decision('d1', 0)], [31], [32, decision('d2', 2)], [70]],
    out: [
      'd1/0#0 initial =0',
      'd1/0#1 close =0 truncated',
      'd2/0#0 initial =0',
      'd1/0#2 continuation =0 → d2 ×0.81',
      'd2/0#1 close =0 truncated',
    ],
  },
  {
    name: 'a reward and a continuation in one step are two revisions',
    policy: chained,
    steps: [
      [0, decision('d1', 0)],
      [2, outcome('click', 'd1', 1), decision('d2', 2)],
    ],
    out: ['d1/0#0 initial =0', 'd1/0#1 reward click+1 =1', 'd1/0#2 continuation =1 → d2 ×0.81', 'd2/0#0 initial =0'],
  },
  {
    name: 'a reward after the continuation keeps it',
    policy: chained,
    steps: [
      [2, decision('d1', 0), decision('d2', 2)],
      [3, outcome('click', 'd1', 3)],
    ],
    out: [
      'd1/0#0 initial =0',
      'd1/0#1 continuation =0 → d2 ×0.81',
      'd2/0#0 initial =0',
      'd1/0#2 reward click+1 =1 → d2 ×0.81',
    ],
  },
]
