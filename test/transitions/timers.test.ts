import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { memoryTable } from '../../src/state/table.ts'
import { createTimers, type TimerPage } from '../../src/transitions/timers.ts'

const open = (widthMs: number) => {
  const pages = memoryTable<TimerPage>()
  const buckets = memoryTable<readonly number[]>()
  return { pages, timers: createTimers('t', widthMs, { pages, buckets }) }
}

test('every id fires once, never early, and late by at most the width', () => {
  const times = fc.array(fc.nat({ max: 2000 }), { maxLength: 400 })
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 500 }), (list, width, stride) => {
      const { pages, timers } = open(width)
      list.forEach((timeMs, i) => void timers.schedule(timeMs, `${i}`))
      const fired = new Map<string, number>()
      for (let clock = 0; clock <= 2000 + width + stride; clock += stride)
        for (const id of timers.take(clock, 1e9)) {
          assert.ok(!fired.has(id))
          fired.set(id, clock)
        }
      list.forEach((timeMs, i) => {
        const clock = fired.get(`${i}`)!
        assert.ok(clock > timeMs && clock <= timeMs + width + stride)
      })
      assert.equal(pages.size, 0)
      assert.equal(timers.nextMs(), Number.POSITIVE_INFINITY)
    }),
  )
})

test('a limit leaves the later buckets for the next time', () => {
  const { timers } = open(10)
  for (let i = 0; i < 1000; i++) timers.schedule(i, `${i}`)
  const taken = timers.take(500, 25)
  assert.equal(taken.length, 30)
  assert.equal(timers.nextMs(), 40)
})

test('a few at a time, the earliest buckets first, come to the same', () => {
  const { pages, timers } = open(10)
  for (let i = 0; i < 300; i++) timers.schedule(i % 3 === 0 ? 25 : 5, `${i}`)
  assert.equal(timers.earliestMs(), 0)
  const taken: number[] = []
  for (let some = timers.takeSome(30); some.length > 0; some = timers.takeSome(30)) {
    assert.ok(some.length <= 64)
    taken.push(...some.map(Number))
    if (taken.length === 200) assert.equal(timers.earliestMs(), 20)
  }
  assert.deepEqual(
    taken.map(i => i % 3 === 0),
    taken.map((_, at) => at >= 200),
  )
  assert.equal(new Set(taken).size, 300)
  assert.equal(pages.size, 0)
})

test('buckets beyond a page keep all ids', () => {
  const { timers } = open(10)
  for (let i = 0; i < 1000; i++) timers.schedule(5, `${i}`)
  assert.deepEqual(
    timers
      .take(10, 1)
      .map(Number)
      .sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  )
})

test('a group of buckets that was emptied is open again once something falls into it', () => {
  const { pages, timers } = open(1)
  const group = 256
  timers.schedule(10, 'first')
  timers.schedule(3 * group, 'later')
  assert.deepEqual(timers.take(group, 1e9), ['first'])
  assert.equal(timers.nextMs(), 3 * group + 1)
  timers.schedule(11, 'again')
  timers.schedule(9, 'before it')
  assert.equal(timers.nextMs(), 10)
  assert.deepEqual(timers.take(group, 1e9), ['before it', 'again'])
  assert.deepEqual(timers.take(4 * group, 1e9), ['later'])
  assert.equal(timers.nextMs(), Number.POSITIVE_INFINITY)
  timers.schedule(3 * group, 'alone')
  assert.deepEqual(timers.take(4 * group, 1e9), ['alone'])
  assert.equal(pages.size, 0)
})
