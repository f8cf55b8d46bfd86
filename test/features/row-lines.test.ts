import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRowLines } from '../../src/features/row-lines.ts'

/** More than there is room for at first. */
const ROWS = 3000
const nameOf = (row: number): string => `item-${row}`

describe('lines of rows', () => {
  test('hold what was set, also once there are more', () => {
    const lines = createRowLines()
    for (let row = 0; row < ROWS; row++) {
      lines.push(nameOf(row))
      lines.set(row, row % 3 > 0, 1.7e12 + row, row / 2)
    }
    for (let row = 0; row < ROWS; row++) {
      assert.ok(lines.isAsLong(row, nameOf(row)) && lines.isNamed(row, nameOf(row)))
      assert.deepEqual(
        [lines.isAvailable(row), lines.versionOf(row), lines.stampOf(row)],
        [row % 3 > 0, 1.7e12 + row, row / 2],
      )
    }
  })

  test('what is set of a row is nothing of its name or its neighbours', () => {
    const lines = createRowLines()
    for (const id of ['fourteen-chars', 'b', 'c']) lines.push(id)
    lines.set(0, true, 5, 6)
    lines.set(1, true, Number.MAX_SAFE_INTEGER, 7)
    lines.set(0, false, 8, 9)
    assert.ok(lines.isAsLong(0, 'fourteen-chars') && lines.isNamed(0, 'fourteen-chars'))
    assert.deepEqual([lines.isAvailable(0), lines.versionOf(0), lines.stampOf(0)], [false, 8, 9])
    assert.deepEqual([lines.isAvailable(1), lines.versionOf(1), lines.stampOf(1)], [true, Number.MAX_SAFE_INTEGER, 7])
    assert.deepEqual([lines.isAvailable(2), lines.versionOf(2)], [false, 0])
  })

  for (const [id, stands] of [
    ['', true],
    ['a', true],
    ['fourteen-chars', true],
    ['fifteen-chars--', false],
    ['x'.repeat(255), false],
    ['naïve', false],
    ['商品', false],
  ] as const)
    test(`"${id.slice(0, 20)}" ${stands ? 'stands there' : 'has to be looked up'}`, () => {
      const lines = createRowLines()
      lines.push(id)
      assert.equal(lines.isAsLong(0, id), stands)
      assert.equal(lines.isAsLong(0, `${id}x`), false)
      if (stands) assert.ok(lines.isNamed(0, id))
      if (stands && id !== '') assert.ok(!lines.isNamed(0, id.slice(0, -1).concat('\u0100')))
    })

  test('a row that is not there has no name', () => {
    assert.equal(createRowLines().isAsLong(-1, ''), false)
  })
})
