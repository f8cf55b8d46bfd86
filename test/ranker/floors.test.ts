import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BITS, bitsBelow, quantileOf } from '../../src/ranker/explorers/floors.ts'

test('bits below a deviation are of a draw below it, and only few that are are left out', () => {
  for (let z = 0; z < 6.3; z += 0.00073) {
    const below = bitsBelow(z)
    if (below > 0) assert.ok(quantileOf(below - 1) < z, `${z}: ${quantileOf(below - 1)}`)
    assert.ok(quantileOf(below) > z - 1 / 128 || below === BITS - 1, `${z}: ${below}`)
  }
})

test('no deviation and the largest let half through and next to none, in 32 bits', () => {
  assert.equal(bitsBelow(0), BITS / 2)
  for (const z of [6.3, 100, Number.POSITIVE_INFINITY]) assert.equal(bitsBelow(z), BITS - 1)
})
