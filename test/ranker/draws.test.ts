import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { allOf, drawVoters } from '../../src/ranker/explorers/draws.ts'
import { normalQuantile } from '../../src/state/normal.ts'
import { createRandom } from '../../src/state/random.ts'

const BITS = 2 ** 32

/** sfc32 in plain JavaScript, stream k mod 4 for candidate k. */
function bitsOf(seed: number, count: number): number[] {
  const streams = [0, 1, 2, 3].map(lane => {
    let [a, b, c, counter] = [seed >>> 0, Math.floor(seed / BITS), lane, 1]
    const next = (): number => {
      const t = (a + b + counter++) >>> 0
      a = (b ^ (b >>> 9)) >>> 0
      b = (c + c * 8) >>> 0
      c = (((c << 21) | (c >>> 11)) + t) >>> 0
      return t
    }
    for (let skipped = 0; skipped < 12; skipped++) next()
    return next
  })
  return Array.from({ length: count }, (_, k) => streams[k % 4]())
}

/** Every score of every draw worked out, and the best of the available found by looking at all. */
interface Plain {
  readonly mean: Float64Array
  readonly deviation: Float64Array
  readonly optimistic: boolean
}

function plainVotes({ mean, deviation, optimistic }: Plain, seed: number, count: number) {
  const random = createRandom(seed)
  const rows = Array.from({ length: count }, (_, m) => {
    const bits = bitsOf(m * BITS + random.uniform() * BITS, mean.length)
    return mean.map((centre, k) => {
      const draw = centre + deviation[k] * normalQuantile((bits[k] + 0.5) / BITS)
      return optimistic && draw < centre ? centre : draw
    })
  })
  return (available: Uint8Array) => {
    const out = new Float64Array(mean.length)
    for (const row of rows) {
      const best = row.reduce(
        (most, score, k) => (available[k] ? Math.max(most, score) : most),
        Number.NEGATIVE_INFINITY,
      )
      const winners = [...row.keys()].filter(k => available[k] && row[k] === best)
      for (const k of winners) out[k] += 1 / winners.length
    }
    return out
  }
}

/** Bounds that are wide at times, and so much that nobody reaches a level, until the deviation is asked for: it may not show. */
function doubted(deviation: Float64Array, random: () => number) {
  const most = deviation.map(each => each * (random() < 0.5 ? 1 : 1 + (random() < 0.5 ? 3 : 100) * random()))
  const of = (k: number): number => {
    most[k] = deviation[k]
    return most[k]
  }
  return { most, of }
}

const kinds: Readonly<Record<string, (k: number, random: () => number) => [mean: number, deviation: number]>> = {
  'unlike means and deviations': (_, random) => [random(), random()],
  'many that nothing is known of': (k, random) => (k % 3 ? [0.1, 0.4] : [random() / 5, 0.02]),
  'nothing known of any': () => [0, 1],
  'equal and certain': () => [0.5, 0],
  'certain beside uncertain': (k, random) => [random(), k % 2 ? 0 : 0.3],
  'one far ahead': (k, random) => [k === 7 ? 100 : random(), 0.1],
}

describe('votes of draws that are worked out only where they matter', () => {
  for (const [name, of] of Object.entries(kinds))
    for (const optimistic of [false, true])
      for (const count of [1, 17, 20, 402])
        test(`${name}, ${optimistic ? 'optimistic' : 'plain'}, ${count} candidates: as if all were`, () => {
          const chance = createRandom(count)
          const pairs = Array.from({ length: count }, (_, k) => of(k, chance.uniform))
          const posterior = {
            mean: Float64Array.from(pairs, ([mean]) => mean),
            deviation: Float64Array.from(pairs, ([, deviation]) => deviation),
            optimistic,
          }
          const plain = plainVotes(posterior, 5, 16)
          const deviations = doubted(posterior.deviation, chance.uniform)
          const voters = drawVoters({ ...posterior, deviations, alpha: 1 }, createRandom(5), 16)
          const available = new Uint8Array(count).map(() => (chance.uniform() < 0.9 ? 1 : 0))
          available[0] = 1
          // slot by slot what has the most votes goes, at last all that the first level has let through
          for (let left = available.reduce((sum, each) => sum + each, 0); left > 0; left--) {
            const votes = new Float64Array(count)
            for (const vote of voters) vote(available, votes)
            assert.deepEqual(votes, plain(available), `${left} left`)
            available[votes.indexOf(Math.max(...votes))] = 0
          }
        })

  test('are as frequent as the posterior says: of two, the better by Φ(Δ / √(σ₁² + σ₂²))', () => {
    const deviations = allOf(Float64Array.of(0.6, 0.8))
    const posterior = { mean: Float64Array.of(0, 0.5), deviations, alpha: 0.5, optimistic: false }
    const votes = new Float64Array(2)
    const draws = 200_000
    for (const vote of drawVoters(posterior, createRandom(9), draws)) vote(Uint8Array.of(1, 1), votes)
    const expected = 0.8413447460685429
    assert.ok(Math.abs(votes[1] / draws - expected) < 4 * Math.sqrt((expected * (1 - expected)) / draws), `${votes}`)
  })
})
