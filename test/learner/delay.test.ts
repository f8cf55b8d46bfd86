import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bucketOf, createDelays, type Delays, edgeMs } from '../../src/learner/delay.ts'
import { createRandom } from '../../src/state/random.ts'

const hour = 3_600_000
const create = () => createDelays({ windowMs: 24 * hour, weights: { buy: 1, click: 0.1 } })

/** Decisions of the last `hours`, some of which are bought after an exponential delay with a mean of 3 h. */
function stream(delays: Delays, hours: number, decisions: number, seed = 1): void {
  const random = createRandom(seed)
  for (let n = 0; n < decisions; n++) {
    const age = random.uniform() * hours * hour
    const delay = random.uniform() < 0.1 ? -Math.log(1 - random.uniform()) * 3 * hour : Number.POSITIVE_INFINITY
    const seen = delay <= Math.min(age, 24 * hour)
    delays.count('buy', { reached: bucketOf(age), first: seen ? bucketOf(delay) : undefined }, 1)
    if (seen) delays.addMass('buy', 1)
  }
}

test('buckets hold the ages up to their edges', () => {
  for (const k of [0, 1, 7, 30, 63]) {
    assert.equal(bucketOf(edgeMs(k)), k)
    assert.equal(bucketOf(edgeMs(k) * 0.999), k)
  }
  assert.equal(bucketOf(edgeMs(5) * 1.001), 6)
  assert.equal(bucketOf(-3), 0)
})

test('nothing known: any time of the window alike', () => {
  assert.equal(create().maturity(6 * hour), 0.25)
  assert.ok(Math.abs(create().cdf('buy', 6 * hour) - 0.25) < 1e-6)
})

describe('censored delays', () => {
  const truth = (age: number) => (1 - Math.exp(-age / 3)) / (1 - Math.exp(-24 / 3))
  test('the law is found from a stream of two days', () => {
    const delays = create()
    stream(delays, 48, 60_000)
    for (const age of [0.5, 1, 2, 4, 8, 16])
      assert.ok(Math.abs(delays.maturity(age * hour) - truth(age)) < 0.03, `${age} h: ${delays.maturity(age * hour)}`)
    assert.equal(delays.maturity(24 * hour), 1)
  })
  test('young decisions that are not bought yet do not make delays look short: the mean of those seen would', () => {
    const delays = create()
    stream(delays, 6, 60_000)
    // of the rewards seen within 6 h, 1 h holds far more than of all that will come
    assert.ok(delays.maturity(hour) < 0.36, `${delays.maturity(hour)}, true ${truth(1)}`)
  })
  test('grows with age and never beyond 1', () => {
    const delays = create()
    stream(delays, 30, 500)
    let before = 0
    for (let age = 0; age <= 25 * hour; age += hour / 3) {
      const now = delays.maturity(age)
      assert.ok(now >= before && now <= 1)
      before = now
    }
  })
})

test('by hand: three decisions, one bucket at a time', () => {
  const many = createDelays({ windowMs: edgeMs(2), weights: { buy: 1 } })
  for (let n = 0; n < 1e6; n++)
    many.count('buy', { reached: 2, first: n % 4 === 0 ? 0 : n % 4 === 1 ? 1 : undefined }, 1)
  // S: 3/4 after bucket 0, 3/4 x 2/3 = 1/2 after bucket 1, nothing later: half of the rewards come in each
  assert.ok(Math.abs(many.cdf('buy', edgeMs(0)) - 0.5) < 1e-4)
  assert.ok(Math.abs(many.cdf('buy', edgeMs(1)) - 1) < 1e-4)
})

describe('sums', () => {
  test('what is taken back is gone, two streams add up, and a checkpoint holds them', () => {
    const [one, other, both] = [create(), create(), create()]
    stream(one, 20, 3000, 1)
    stream(other, 20, 2000, 2)
    stream(both, 20, 3000, 1)
    stream(both, 20, 2000, 2)
    one.add(other.encode())
    assert.deepEqual(one.encode(), both.encode())
    const copy = create()
    copy.add(both.encode())
    assert.equal(copy.maturity(2 * hour), both.maturity(2 * hour))
    both.count('buy', { reached: 9, first: 4 }, 1)
    assert.notDeepEqual(one.encode(), both.encode())
    both.count('buy', { reached: 9, first: 4 }, -1)
    assert.deepEqual(one.encode(), both.encode())
  })
  test('types count by their share of the scalar reward', () => {
    const delays = create()
    for (let n = 0; n < 1000; n++) {
      delays.count('click', { reached: bucketOf(30 * hour), first: 0 }, 1)
      delays.count('buy', { reached: bucketOf(30 * hour), first: bucketOf(5 * hour) }, 1)
    }
    delays.addMass('click', 10)
    delays.addMass('buy', 1)
    // 10 x 0.1 against 1 x 1: half of what is to come has come once the clicks have
    assert.ok(Math.abs(delays.maturity(hour) - 0.5) < 0.01, `${delays.maturity(hour)}`)
  })
  test('types that carry no reward are none of its business', () => {
    const delays = create()
    delays.count('view', { reached: 3, first: 1 }, 1)
    delays.addMass('view', 5)
    assert.deepEqual(delays.encode(), create().encode())
  })
})
