import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Quota } from '../../../schemas/records.ts'
import { createLookahead } from '../../../src/ranker/constraints/lookahead.ts'
import { createRandom } from '../../../src/state/random.ts'
import { allowed, canBeCompleted, constrained, keepsQuotas, type Slate } from './long-way.ts'

const count = 7
const runs = Number(process.env.FEEDLOOP_RUNS ?? 300)
const vectors = Array.from({ length: count }, () => new Float32Array(1))

const quota = fc
  .tuple(fc.subarray([...vectors.keys()], { minLength: 1 }), fc.nat(3), fc.nat(3))
  .map(([candidates, floor, more]): Quota => ({ name: candidates.join(), floor, cap: floor + more, candidates }))
const slates = fc
  .record({
    quotas: fc.array(quota, { minLength: 1, maxLength: 4 }),
    slots: fc.integer({ min: 1, max: 5 }),
    hidden: fc.subarray([...vectors.keys()], { maxLength: 2 }),
    pin: fc.option(fc.nat(count - 1)),
  })
  .filter(({ hidden, pin }) => pin === null || !hidden.includes(pin))
  .map(({ quotas, slots, hidden, pin }): Slate => {
    const pins = pin === null ? [] : [{ position: 0, candidate: pin }]
    const of = quotas.map(each => ({ ...each, candidates: each.candidates.filter(i => !hidden.includes(i)) }))
    const masked = [...hidden, ...pins.map(({ candidate }) => candidate)]
    return { constraints: constrained({ quotas: of, masked }), pins, slots, vectors }
  })

const unmasked = ({ constraints }: Slate): number[] => [...vectors.keys()].filter(i => !constraints.masked.includes(i))

/** The floors that can be met, each as far as those listed before it let it. */
function floorsOf(slate: Slate): number[] {
  const { quotas } = slate.constraints
  const most = slate.slots - slate.pins.length
  const lowered = quotas.map(each => ({ ...each, floor: 0 }))
  for (const [q, { floor }] of quotas.entries())
    for (let n = floor; n > 0; n--) {
      lowered[q] = { ...lowered[q], floor: n }
      if (canBeCompleted({ ...slate, constraints: constrained({ quotas: lowered }) }, [], unmasked(slate), most)) break
      lowered[q] = { ...lowered[q], floor: 0 }
    }
  return lowered.map(({ floor }) => floor)
}

test('a slot may take what lets the others still meet all floors, and nothing else; floors give way from the last', () => {
  fc.assert(
    fc.property(slates, fc.integer(), (slate, seed) => {
      const { constraints, pins, slots } = slate
      const left = new Uint8Array(count).fill(1)
      for (const i of constraints.masked) left[i] = 0
      const lookahead = createLookahead(constraints.quotas, left, pins, slots)
      const floors = floorsOf(slate)
      assert.deepEqual(lookahead.floors, floors)
      const quotas = constraints.quotas.map((each, q) => ({ ...each, floor: floors[q] }))
      const inForce: Slate = { ...slate, constraints: { ...constraints, quotas } }
      const random = createRandom(Math.abs(seed))
      const out = new Uint8Array(count)
      const drawn: number[] = []
      while (drawn.length < slots - pins.length) {
        lookahead.allow(left, out)
        const may = [...out.keys()].filter(i => out[i] === 1)
        assert.deepEqual(may, allowed(inForce, drawn))
        if (may.length === 0) break
        const next = may[Math.floor(random.uniform() * may.length)]
        left[next] = 0
        lookahead.show(next)
        drawn.push(next)
      }
      assert.ok(keepsQuotas(inForce, drawn))
    }),
    { numRuns: runs },
  )
})

test('a search without end is none: it is given up, floors give way, and the slate is drawn', () => {
  // twenty even and twenty odd ones that exclude each other: no 21 of them, and a million ways to see that
  const sought = Array.from({ length: 40 }, (_, i) => i)
  const pairs = sought.flatMap(a => sought.slice(a + 1).map(b => [a, b]))
  const quotas: Quota[] = [
    { name: 'sought', floor: 21, cap: 21, candidates: sought },
    ...pairs
      .filter(([a, b]) => (a + b) % 2 > 0)
      .map(both => ({ name: both.join(), floor: 0, cap: 1, candidates: both })),
  ]
  const from = process.cpuUsage()
  const left = new Uint8Array(40).fill(1)
  const lookahead = createLookahead(quotas, left, [], 30)
  const { user } = process.cpuUsage(from)
  assert.ok(user < 1_000_000, `${user} µs`)
  const out = new Uint8Array(40)
  lookahead.allow(left, out)
  assert.ok(out.includes(1))
  assert.ok(lookahead.floors[0] < 21)
})

test('where the search is given up, the floors in force say all the same what each slot may take', () => {
  let lowered = 0
  for (let seed = 1; seed <= 60; seed++) {
    const random = createRandom(seed)
    const quotas = Array.from({ length: 14 }, (_, q): Quota => {
      const candidates = Array.from({ length: 60 }, (_, i) => i).filter(() => random.uniform() < 0.15)
      const floor = 1 + Math.floor(random.uniform() * 4)
      return { name: `${q}`, floor, cap: floor + Math.floor(random.uniform() * 2), candidates }
    })
    const left = new Uint8Array(60).fill(1)
    const made = createLookahead(quotas, left, [], 12)
    const inForce = quotas.map((each, q) => ({ ...each, floor: made.floors[q] }))
    if (inForce.some(({ floor }, q) => floor < quotas[q].floor)) lowered++
    const again = createLookahead(inForce, left, [], 12)
    const [one, other] = [new Uint8Array(60), new Uint8Array(60)]
    for (let slot = 0; slot < 12; slot++) {
      made.allow(left, one)
      again.allow(left, other)
      assert.deepEqual(other, one, `seed ${seed}, slot ${slot}`)
      const may = [...one.keys()].filter(i => one[i] === 1)
      if (may.length === 0) break
      const next = may[Math.floor(random.uniform() * may.length)]
      left[next] = 0
      made.show(next)
      again.show(next)
    }
  }
  assert.ok(lowered > 20, String(lowered))
})
