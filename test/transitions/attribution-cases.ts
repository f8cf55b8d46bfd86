/** Outcomes that name no decision: which of those that showed the item they count for, as named cases (cases.ts). */
import type { Case } from './cases.ts'
import { decision, event, outcome } from './make.ts'

const first = { attribution: 'first-touch' } as const
const even = { attribution: 'even-split' } as const
const backward = { backwardWindowMs: 4000 } as const
const rating = { rewards: { rating: { value: 'value' } } } as const
const refunds = { rewards: { purchase: { value: 'value' }, refund: { cancels: 'purchase' } } } as const
const purchase = (seconds: number, value: number) => event('purchase', seconds, { item_id: 'a', value })
const refund = (seconds: number, value: number) => event('refund', seconds, { item_id: 'a', value })
const click = (seconds: number) => event('click', seconds, { item_id: 'a' })
const once = click(9)
const otherwise = { ...once, value: 2 }

export const attributionCases: readonly Case[] = [
  // the last touch
  {
    name: 'an outcome without a decision goes to the decision that showed the item',
    steps: [[1, decision('d1', 0), event('click', 1, { item_id: 'a' })]],
    out: ['d1/0#0 initial click+1 =1'],
    counts: { joined: 1 },
  },
  {
    name: 'the last touch takes it',
    steps: [[5, decision('d1', 0), decision('d2', 3), event('click', 5, { item_id: 'a' })]],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial click+1 =1'],
  },
  {
    name: 'not a decision that came after it',
    steps: [[5, decision('d1', 0), decision('d2', 3), event('click', 2, { item_id: 'a' })]],
    out: ['d1/0#0 initial click+1 =1', 'd2/0#0 initial =0'],
  },
  {
    name: 'a decision that arrives late takes its outcome over',
    steps: [
      [5, decision('d1', 0), event('click', 5, { item_id: 'a' })],
      [6, decision('d2', 3)],
    ],
    out: ['d1/0#0 initial click+1 =1', 'd2/0#0 initial click+1 =1', 'd1/0#1 reward click-1 =0'],
    counts: { joined: 1 },
  },
  {
    name: 'outside of the window it is organic',
    steps: [[20, decision('d1', 0), event('click', 11, { item_id: 'a' })], [2000]],
    out: ['d1/0#0 initial =0'],
    counts: { organic: 1 },
  },
  {
    name: 'another item is organic',
    steps: [[20, decision('d1', 0), event('click', 1, { item_id: 'b' })], [2000]],
    out: ['d1/0#0 initial =0'],
    counts: { organic: 1 },
  },
  {
    name: 'a view without a decision is organic at once',
    steps: [[1, decision('d1', 0), event('view', 1, { item_id: 'a' })]],
    out: ['d1/0#0 initial =0'],
    counts: { organic: 1 },
  },
  {
    name: 'only a policy that rewards the type takes it',
    more: [{ name: 'second', rewards: { purchase: {} } }],
    steps: [[5, decision('d1', 0), decision('d2', 3, { policy: 'second' }), event('click', 5, { item_id: 'a' })]],
    out: ['d1/0#0 initial click+1 =1', 'd2/0#0 initial =0'],
  },
  {
    name: 'a decision past correction takes no more',
    policy: { correctionWindowMs: 20_000 },
    steps: [[9, decision('d1', 0), click(9)], [21, decision('x', 21, { user_id: 'v' })], [22, click(10)], [100]],
    out: ['d1/0#0 initial click+1 =1', 'x/0#0 initial =0'],
    counts: { joined: 1, organic: 1 },
  },
  {
    name: 'an event that contradicts itself within correction is refused',
    policy: { correctionWindowMs: 20_000 },
    steps: [[9, decision('d1', 0), once], [28, decision('x', 28, { user_id: 'v' })], [29, otherwise], [100]],
    out: ['d1/0#0 initial click+1 =1', 'x/0#0 initial =0'],
    refused: ['RECORD_CONTRADICTS'],
    counts: { joined: 1, quarantined: 1 },
  },
  {
    name: 'past correction it is forgotten: what comes under its id is new, and finds no decision as old as itself',
    policy: { correctionWindowMs: 20_000 },
    steps: [[9, decision('d1', 0), once], [30, decision('x', 30, { user_id: 'v' })], [31, otherwise], [100]],
    out: ['d1/0#0 initial click+1 =1', 'x/0#0 initial =0'],
    counts: { joined: 1, organic: 1 },
  },
  {
    name: 'what a decision past correction has stays there, whoever comes late',
    policy: { correctionWindowMs: 20_000 },
    steps: [
      [9, decision('d1', 0), click(9)],
      [21, decision('x', 21, { user_id: 'v' })],
      [22, decision('d2', 5)],
    ],
    out: ['d1/0#0 initial click+1 =1', 'x/0#0 initial =0', 'd2/0#0 initial =0'],
    counts: { joined: 1 },
  },

  // the first touch
  {
    name: 'first touch: the first decision in the window takes it',
    policy: first,
    steps: [[5, decision('d1', 0), decision('d2', 3), click(5)]],
    out: ['d1/0#0 initial click+1 =1', 'd2/0#0 initial =0'],
    counts: { joined: 1, 'first-touch': 1 },
  },
  {
    name: 'first touch: not one before the window',
    policy: first,
    steps: [[14, decision('d1', 0), decision('d2', 3), click(12)]],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial click+1 =1'],
  },
  {
    name: 'first touch: an earlier decision that arrives late takes it over',
    policy: first,
    steps: [
      [5, decision('d2', 3), click(5)],
      [6, decision('d1', 0)],
    ],
    out: ['d2/0#0 initial click+1 =1', 'd1/0#0 initial click+1 =1', 'd2/0#1 reward click-1 =0'],
    counts: { joined: 1 },
  },

  // the even split
  {
    name: 'even split: an outcome is shared by the decisions in the window',
    policy: even,
    steps: [[5, decision('d1', 0), decision('d2', 3), click(5)]],
    out: ['d1/0#0 initial click+0.5 =0.5', 'd2/0#0 initial click+0.5 =0.5'],
    counts: { joined: 1, 'even-split': 1 },
  },
  {
    name: 'even split: of a value each gets its part',
    policy: { ...even, ...rating },
    steps: [
      [5, decision('d1', 0), decision('d2', 1), decision('d3', 2), event('rating', 5, { item_id: 'a', value: 6 })],
    ],
    out: ['d1/0#0 initial rating+2 =2', 'd2/0#0 initial rating+2 =2', 'd3/0#0 initial rating+2 =2'],
  },
  {
    name: 'even split: a decision that arrives late makes the parts smaller',
    policy: even,
    steps: [
      [5, decision('d1', 0), click(5)],
      [6, decision('d2', 3)],
    ],
    out: ['d1/0#0 initial click+1 =1', 'd2/0#0 initial click+0.5 =0.5', 'd1/0#1 reward click-0.5 =0.5'],
    counts: { joined: 1 },
  },
  {
    name: 'even split: who named its decision is not shared',
    policy: even,
    steps: [[5, decision('d1', 0), decision('d2', 3), outcome('click', 'd2', 5)]],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial click+1 =1'],
    counts: { decision: 1 },
  },
  {
    name: 'even split: a count counts parts',
    policy: { ...even, rewards: { click: { aggregate: 'count' } } },
    steps: [[5, decision('d1', 0), decision('d2', 3), click(2), click(5)]],
    out: ['d1/0#0 initial click+1.5 =1.5', 'd2/0#0 initial click+0.5 =0.5'],
  },
  {
    name: 'even split: a refund takes the parts back',
    policy: { ...even, ...refunds },
    steps: [
      [3, decision('d1', 0), decision('d2', 1), event('purchase', 3, { item_id: 'a', value: 8 })],
      [4, event('refund', 4, { item_id: 'a', value: 8 })],
    ],
    out: [
      'd1/0#0 initial purchase+4 =4',
      'd2/0#0 initial purchase+4 =4',
      'd1/0#1 retraction purchase-4 =0',
      'd2/0#1 retraction purchase-4 =0',
    ],
  },
  {
    name: 'even split: a decision past correction gets no part',
    policy: { ...even, correctionWindowMs: 20_000 },
    steps: [
      [9, decision('d1', 0), decision('d2', 5), click(9)],
      [21, decision('x', 21, { user_id: 'v' })],
      [22, click(10)],
    ],
    out: [
      'd1/0#0 initial click+0.5 =0.5',
      'd2/0#0 initial click+0.5 =0.5',
      'x/0#0 initial =0',
      'd2/0#1 reward click+1 =1.5',
    ],
  },
  {
    name: 'even split: a part does not grow when another decision is past correction',
    policy: { ...even, correctionWindowMs: 20_000 },
    steps: [
      [5, decision('d1', 0), decision('d2', 5), click(6)],
      [20.5, decision('d3', 20.5)],
      [22, click(21)],
    ],
    out: [
      'd1/0#0 initial click+0.5 =0.5',
      'd2/0#0 initial click+0.5 =0.5',
      'd3/0#0 initial =0',
      'd3/0#1 reward click+1 =1',
    ],
  },
  {
    name: 'of two policies the one of the last touch takes it, in its own way',
    policy: even,
    more: [{ name: 'second', rewards: { click: {} } }],
    steps: [
      [6, decision('d1', 0), decision('x1', 1, { policy: 'second' }), decision('d2', 2), click(3)],
      [7, decision('x2', 4, { policy: 'second' }), click(5)],
    ],
    out: [
      'd1/0#0 initial click+0.5 =0.5',
      'x1/0#0 initial =0',
      'd2/0#0 initial click+0.5 =0.5',
      'x2/0#0 initial click+1 =1',
    ],
    counts: { joined: 2, 'even-split': 1, 'last-touch': 1 },
  },

  // what takes something back and names no decision
  {
    name: 'a refund goes where its purchase is, whatever was shown since',
    policy: refunds,
    steps: [
      [5, decision('d1', 0), purchase(5, 30)],
      [9, decision('d2', 6), refund(8, 30)],
    ],
    out: ['d1/0#0 initial purchase+30 =30', 'd2/0#0 initial =0', 'd1/0#1 retraction purchase-30 =0'],
    counts: { joined: 2 },
  },
  {
    name: 'a refund comes days later: a correction',
    policy: refunds,
    steps: [[5, decision('d1', 0), purchase(5, 30)], [500, refund(500, 30)], [5000]],
    out: ['d1/0#0 initial purchase+30 =30', 'd1/0#1 retraction purchase-30 =0'],
    counts: { joined: 1, correction: 1 },
  },
  {
    name: 'a refund past the correction window takes nothing back',
    policy: refunds,
    steps: [[5, decision('d1', 0), purchase(5, 30)], [1003, refund(1003, 30)], [5000]],
    out: ['d1/0#0 initial purchase+30 =30'],
    counts: { joined: 1, organic: 1 },
  },
  {
    name: 'a refund without a decision finds the purchase that names one',
    policy: refunds,
    steps: [
      [5, decision('d1', 0), outcome('purchase', 'd1', 5, { value: 30 })],
      [9, decision('d2', 6), refund(8, 30)],
    ],
    out: ['d1/0#0 initial purchase+30 =30', 'd2/0#0 initial =0', 'd1/0#1 retraction purchase-30 =0'],
  },
  {
    name: 'one that names its decision is no purchase for the next one',
    policy: refunds,
    steps: [
      [5, decision('d1', 0), purchase(2, 30), purchase(3, 30)],
      [6, outcome('refund', 'd1', 6, { value: 30 })],
      [7, refund(7, 30)],
      [8, refund(8, 30)],
    ],
    out: ['d1/0#0 initial purchase+60 =60', 'd1/0#1 retraction purchase-30 =30', 'd1/0#2 retraction purchase-30 =0'],
  },
  {
    name: 'a refund comes before its purchase, and follows it',
    policy: refunds,
    steps: [
      [9, decision('d1', 0), decision('d2', 6), refund(8, 30)],
      [10, purchase(5, 30)],
    ],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0'],
    counts: { joined: 2 },
  },
  {
    name: 'a refund of another value takes the latest purchase; of its own, that one',
    policy: refunds,
    steps: [
      [5, decision('d1', 0), purchase(1, 30), purchase(2, 50)],
      [6, refund(6, 30)],
      [7, refund(7, 7)],
    ],
    out: ['d1/0#0 initial purchase+80 =80', 'd1/0#1 retraction purchase-30 =50', 'd1/0#2 retraction purchase-50 =0'],
  },
  {
    name: 'a refund of what nobody showed is organic, and takes nothing from others',
    policy: refunds,
    steps: [[9, purchase(1, 30), decision('d1', 2), purchase(3, 50), refund(8, 30)], [2000]],
    out: ['d1/0#0 initial purchase+50 =50'],
    counts: { joined: 1, organic: 2 },
  },
  {
    name: 'a refund without a purchase is organic, not a touch',
    policy: refunds,
    steps: [[9, decision('d1', 0), refund(8, 30)], [2000]],
    out: ['d1/0#0 initial =0'],
    counts: { organic: 1 },
  },
  {
    name: 'a refund moves with its purchase to a decision that arrives late',
    policy: refunds,
    steps: [
      [9, decision('d1', 0), purchase(5, 30), refund(8, 30)],
      [10, decision('d2', 3)],
      [11, purchase(6, 30)],
    ],
    out: ['d1/0#0 initial =0', 'd2/0#0 initial =0', 'd2/0#1 reward purchase+30 =30'],
  },

  // the backward window
  {
    name: 'without a backward window an outcome before every decision is organic',
    steps: [[5, decision('d1', 3), click(2)], [2000]],
    out: ['d1/0#0 initial =0'],
    counts: { organic: 1 },
  },
  {
    name: 'backward: a decision shortly after the outcome has it',
    policy: backward,
    steps: [[5, decision('d1', 3), click(2)]],
    out: ['d1/0#0 initial click+1 =1'],
  },
  {
    name: 'backward: not beyond the window',
    policy: backward,
    steps: [[9, decision('d1', 7), click(2)], [2000]],
    out: ['d1/0#0 initial =0'],
    counts: { organic: 1 },
  },
  {
    name: 'backward: who came before has it first',
    policy: backward,
    steps: [[5, decision('d1', 0), decision('d2', 3), click(2)]],
    out: ['d1/0#0 initial click+1 =1', 'd2/0#0 initial =0'],
  },
  {
    name: 'backward: of two decisions after it the nearest',
    policy: backward,
    steps: [[9, decision('d1', 3), decision('d2', 5), click(2)]],
    out: ['d1/0#0 initial click+1 =1', 'd2/0#0 initial =0'],
  },
  {
    name: 'backward: one before that arrives late takes it over',
    policy: backward,
    steps: [
      [5, decision('d2', 3), click(2)],
      [6, decision('d1', 0)],
    ],
    out: ['d2/0#0 initial click+1 =1', 'd1/0#0 initial click+1 =1', 'd2/0#1 reward click-1 =0'],
  },
]
