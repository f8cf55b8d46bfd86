import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decidedIds, restorePage } from '../../src/ranker/decided.ts'
import { heapTables } from '../../src/ranker/state.ts'
import { LAST_KEY } from '../../src/state/table.ts'
import { nowMs } from './fixtures.ts'

const windowMs = 1000
const opened = (ms = windowMs) => {
  const { tables, commit, discard } = heapTables()
  return { decided: decidedIds(ms, tables), tables, commit, discard }
}
const offsets = fc.array(fc.integer({ min: 0, max: 4 * windowMs }), { minLength: 1, maxLength: 40 })

test('an id is remembered for the window by the newest decision, in whatever order and steps they come', () => {
  fc.assert(
    fc.property(fc.array(offsets, { minLength: 1, maxLength: 6 }), steps => {
      const { decided, commit } = opened()
      let newest = 0
      const all: number[] = []
      for (const step of steps) {
        for (const offset of step) decided.add(`${all.push(offset)}`, nowMs + offset)
        newest = Math.max(newest, ...step)
        decided.settle()
        commit()
        for (const [i, offset] of all.entries()) assert.equal(decided.has(`${i + 1}`), newest - offset <= windowMs)
      }
    }),
  )
})

test('what is forgotten leaves no row behind', () => {
  const { decided, tables, commit } = opened()
  for (let i = 0; i < 5000; i++) {
    decided.add(`${i}`, nowMs + i)
    decided.settle()
    commit()
  }
  assert.ok(tables.decided.size < 1.02 * windowMs, `${tables.decided.size}`)
  assert.ok(tables.pages.size < 1.02 * windowMs, `${tables.pages.size}`)
})

test('an id that is decided anew after the window is remembered anew', () => {
  const { decided } = opened()
  for (const afterMs of [0, 1500, 2400]) {
    decided.add(afterMs === 2400 ? 'b' : 'a', nowMs + afterMs)
    decided.settle()
  }
  assert.ok(decided.has('a'))
})

test('an id of a step is known at once, and gone when the step is discarded', () => {
  const { decided, commit, discard } = opened()
  decided.add('a', nowMs)
  assert.ok(decided.has('a'))
  decided.settle()
  assert.ok(decided.has('a'))
  discard()
  assert.ok(!decided.has('a'))
  commit()
  assert.ok(!decided.has('a'))
})

test('a window of 0 still keeps one step from deciding twice', () => {
  const { decided } = opened(0)
  decided.add('a', nowMs)
  assert.ok(decided.has('a'))
})

test('two owners, one of whom began later, have the same pages of the same steps', () => {
  const [first, second] = [opened(), opened()]
  const rows = (owner: typeof first) => [...owner.tables.pages.range('', LAST_KEY)]
  for (let step = 0; step < 40; step++)
    for (const { decided, commit } of step < 7 ? [first] : [first, second]) {
      for (let i = 0; i <= step % 3; i++) decided.add(`${step}-${i}`, nowMs + 11 * step)
      decided.settle()
      commit()
    }
  // In the log the last of a key counts.
  const together = new Map([...rows(first), ...rows(second)])
  assert.equal(together.size, 40)
  const { decided, tables, commit } = opened()
  for (const [key, { ids }] of [...together].reverse()) restorePage(tables, { key, ids, windowMs })
  commit()
  for (let step = 0; step < 40; step++) for (let i = 0; i <= step % 3; i++) assert.ok(decided.has(`${step}-${i}`))
  for (let step = 0; step < 40; step++) {
    decided.add(`${step}+`, nowMs + 5 * windowMs + step)
    decided.settle()
  }
  commit()
  assert.equal(tables.pages.size, 40, 'restored pages are forgotten like any')
  assert.equal(tables.decided.size, 40)
})

test('a page that a snapshot put back stays whole when its step is folded', () => {
  const { decided, tables, commit } = opened()
  restorePage(tables, { key: `${nowMs}/a`, ids: [{ id: 'a', timeMs: nowMs }], windowMs })
  commit()
  decided.add('a', nowMs)
  decided.settle()
  decided.add('b', nowMs + 5 * windowMs)
  decided.settle()
  commit()
  assert.deepEqual([decided.has('a'), decided.has('b'), tables.pages.size], [false, true, 1])
})

test('of an id that was decided twice the newer time counts, in whatever order its pages are put back', () => {
  const { decided, tables, commit } = opened()
  for (const timeMs of [nowMs + 5000, nowMs])
    restorePage(tables, { key: `${timeMs}/a`, ids: [{ id: 'a', timeMs }], windowMs })
  commit()
  assert.ok(decided.has('a'))
})
