import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTold } from '../../../src/learner/replay/told.ts'
import { exampleOf } from '../examples.ts'

const told = (n: number) => exampleOf(Float64Array.of(1), { transition_id: `d${n}/0` })

test('what is held of what was told is given once, in order', () => {
  const noted = createTold(id => id !== 'd1/0')
  noted.note([told(0), told(1)])
  noted.note([told(2), told(0)])
  const ids = () => noted.take().map(each => each.transition_id)
  assert.deepEqual(ids(), ['d0/0', 'd2/0', 'd0/0'])
  assert.deepEqual(ids(), [])
})

test('it grows with what is held, not with what was told', () => {
  const held = new Set<string>()
  let asked = 0
  const noted = createTold(id => {
    asked++
    return held.has(id)
  })
  const count = 100_000
  for (let n = 0; n < count; n++) {
    held.add(`d${n}/0`)
    held.delete(`d${n - 10}/0`)
    noted.note([told(n)])
  }
  asked = 0
  assert.equal(noted.take().length, 10)
  assert.ok(asked < 2000, `${asked} were still kept`)
})
