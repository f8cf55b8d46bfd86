/** Vowpal Wabbit's logged-bandit files as we read them, and SNIPS on what they say. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { passOver } from '../../bench/logged/progressive.ts'
import { type LoggedDecision, readLogged } from '../../bench/logged/read.ts'
import { excess, snips } from '../../bench/logged/snips.ts'
import { createRandom } from '../../src/state/random.ts'

const folders = mkdtempSync(join(tmpdir(), 'feedloop-'))
after(() => rmSync(folders, { recursive: true }))

function read(text: string, actions?: number) {
  const file = join(mkdtempSync(join(folders, 'x')), 'log')
  writeFileSync(file, text)
  return readLogged(file, actions)
}

describe('files', () => {
  test('a line a decision', () => {
    assert.deepEqual(read('2:1:0.25 | rain day:0.5 rain\n\n1:-3:0.5 |a x |b x:2e-1\n', 2), [
      { context: { rain: 2, day: 0.5 }, actions: ['1', '2'], taken: 1, cost: 1, probability: 0.25 },
      { context: { 'a^x': 1, 'b^x': 0.2 }, actions: ['1', '2'], taken: 0, cost: -3, probability: 0.5 },
    ])
  })
  test('the action of a policy to evaluate stands first', () => {
    const [decision] = read('2 1:0:0.5 | w\n', 2)
    assert.deepEqual([decision.target, decision.taken], [1, 0])
  })
  test('a group of lines a decision', () => {
    const text = 'shared |U who=tom\n|A a=1\n0:-1:0.2 |A a=2 b\n\n\n0:0:1 |A a=1\n|A a=3\n'
    assert.deepEqual(read(text), [
      { context: { 'U^who=tom': 1 }, actions: ['A^a=1', 'A^a=2 A^b'], taken: 1, cost: -1, probability: 0.2 },
      { context: {}, actions: ['A^a=1', 'A^a=3'], taken: 0, cost: 0, probability: 1 },
    ])
  })
  for (const [name, text, actions] of [
    ['an action that is none', '3:0:0.5 | x\n', 2],
    ['a probability of 0', '1:0:0 | x\n', 2],
    ['a cost that is no number', '1:much:0.5 | x\n', 2],
    ['a group in which nothing was taken', '|A a\n|A b\n', undefined],
  ] as const)
    test(`${name} is refused`, () => assert.throws(() => read(text, actions)))
})

const decided = (cost: number, probability: number): LoggedDecision => ({
  context: {},
  actions: ['1', '2'],
  taken: 0,
  cost,
  probability,
})

describe('SNIPS', () => {
  test('weighs by policy over log', () => {
    const { cost, coverage } = snips([decided(1, 0.5), decided(0, 0.25), decided(5, 0.5)], [1, 0.5, 0])
    assert.deepEqual([cost, coverage], [2 / 4, 4 / 3])
  })
  test('its error is the spread of its estimates over logs', () => {
    const random = createRandom(3)
    const draw = () => {
      const taken = Array.from({ length: 400 }, () => ({ likely: random.uniform() < 0.7, cost: random.uniform() }))
      const logged = taken.map(({ likely, cost }) => decided(likely ? cost : cost / 2, likely ? 0.7 : 0.3))
      return snips(
        logged,
        taken.map(({ likely }) => (likely ? 0.2 : 0.8)),
      )
    }
    const values = Array.from({ length: 400 }, draw)
    const mean = values.reduce((sum, { cost }) => sum + cost, 0) / values.length
    const sd = Math.sqrt(values.reduce((sum, { cost }) => sum + (cost - mean) ** 2, 0) / values.length)
    const told = values.reduce((sum, { standardError }) => sum + standardError, 0) / values.length
    assert.ok(Math.abs(mean - (0.2 * 0.5 + 0.8 * 0.25)) < 0.005, `${mean}`)
    assert.ok(Math.abs(told / sd - 1) < 0.12, `${told} for ${sd}`)
  })
  test('two policies are compared on the same decisions', () => {
    const logged = Array.from({ length: 100 }, (_, i) => decided(i % 2, 0.5))
    const [bad, good] = [0, 1].map(way =>
      snips(
        logged,
        logged.map((_, i) => (i % 4 === 0 || i % 2 !== way ? 1 : 0.5)),
      ),
    )
    assert.ok(excess(bad, good) > 0 && excess(good, bad) < 0)
    assert.equal(excess(good, good), 0)
  })
})

test('every learner learns from a log, and is asked before it learns', async () => {
  const random = createRandom(5)
  const logged = Array.from({ length: 300 }, (): LoggedDecision => {
    const [sign, taken] = [random.uniform() < 0.5, random.uniform() < 0.5 ? 0 : 1]
    const cost = sign === (taken === 0) ? 0 : 1
    return { context: { [sign ? 'plus' : 'minus']: 1 }, actions: ['1', '2'], taken, cost, probability: 0.5 }
  })
  const data = { state: { blocks: ['context' as const], contextDimensions: 8 }, features: { dimensions: 2 } }
  for (const algorithm of ['linear-gaussian', 'bagged-linear', 'neural-linear', 'two-tower'] as const) {
    const { greedy, exploring } = await passOver(logged, algorithm, data)
    const coverage = snips(logged.slice(0, 50), exploring.slice(0, 50)).coverage
    assert.ok(Math.abs(coverage - 1) < 0.3, `${algorithm} knows what was taken: ${coverage}`)
    for (const chances of [greedy, exploring])
      assert.ok(snips(logged.slice(150), chances.slice(150)).cost < 0.15, algorithm)
  }
})
