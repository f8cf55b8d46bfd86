/** The rim's clock against a wall clock that is set: what it says second by second. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steadyClock } from '../../../src/log/chain/steady.ts'

const T0 = 1_700_000_000_000

/** @param wallAhead of the steady clock, at each second, ms
 * @returns how far it is ahead itself */
function run(wallAhead: readonly number[]): number[] {
  let second = 0
  const clocks = { wallMs: () => T0 + 1000 * second + wallAhead[second]!, steadyMs: () => 1000 * second }
  const now = steadyClock(clocks)
  return wallAhead.map((_, at) => {
    second = at
    return now() - T0 - 1000 * at
  })
}

const times = (n: number, ms: number): number[] => new Array(n).fill(ms)
const HOUR = 3_600_000

test('a wall clock that is slewed is followed', () => {
  const slewed = [0, 300, 600, 900, 1200, 1500, 1100]
  assert.deepEqual(run(slewed), slewed)
})

for (const jump of [HOUR, -HOUR])
  test(`a jump of ${jump} ms that is taken back within seconds is never seen`, () => {
    assert.deepEqual(run([...times(3, 0), ...times(4, jump), ...times(3, 0)]), times(10, 0))
  })

for (const jump of [HOUR, -HOUR])
  test(`a jump of ${jump} ms that stands for five seconds is believed: a machine that was suspended`, () => {
    assert.deepEqual(run([0, ...times(7, jump)]), [...times(6, 0), jump, jump])
  })

test('a wall clock that jumps about is not believed', () => {
  const wild = Array.from({ length: 120 }, (_, second) => (second % 3) * HOUR)
  assert.deepEqual(new Set(run(wild)), new Set([0]))
})
