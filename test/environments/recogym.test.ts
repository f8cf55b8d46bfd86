import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { type Environment, shareOfGap } from '../../src/environments/environment.ts'
import { createRecogym } from '../../src/environments/recogym.ts'
import { clickProbability, Person } from '../../src/environments/recogym-person.ts'
import { computeRates } from '../../src/environments/recogym-rates.ts'
import { readWorld, type World } from '../../src/environments/recogym-world.ts'
import { isCode } from '../../src/errors.ts'
import { configFor } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { play } from '../../src/evaluation/bakeoff/play.ts'
import { createRandom } from '../../src/state/random.ts'
import { realData } from '../real-data.ts'

const root = join(import.meta.dirname, '../..')
const demoWorld = readWorld(join(root, 'examples/worlds/p10-flips5-seed60.json'))
const near = (value: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${what}: ${value}, expected ${expected} ± ${tolerance}`)

test('the click function by hand', () => {
  // f(0) = s(5 s(2 s(0) - 2) - 6) with s(-1) = .268941
  near(clickProbability(0), 1 / (1 + Math.exp(6 - 5 * 0.2689414213699951)), 1e-12, 'f(0)')
  near(clickProbability(1e9), 1 / (1 + Math.exp(6 - 2.5)), 1e-9, 'upper limit')
  assert.ok(clickProbability(-5) < clickProbability(0) && clickProbability(0) < clickProbability(5))
})

test('phases follow the published probabilities', () => {
  const person = () => new Person(demoWorld, createRandom(people++ * 7919 + 3))
  let people = 0
  let views = 0
  let toBandit = 0
  for (let n = 0; n < 20_000; n++) {
    const one = person()
    views += one.browse().length
    if (one.phase === 'bandit') toBandit++
  }
  near(views / 20_000, 1 / 0.26, 0.1, 'views until bandit or gone')
  near(toBandit / 20_000, 0.25 / 0.26, 0.006, 'share that becomes bandit')
  const after = { organic: 0, bandit: 0, gone: 0 }
  let clicks = 0
  for (let n = 0; n < 40_000; n++) {
    const one = person()
    one.phase = 'bandit'
    if (one.show(0)) clicks++
    else after[one.phase]++
  }
  const rest = 40_000 - clicks
  near(after.organic / rest, 0.05, 0.005, 'organic')
  near(after.bandit / rest, 0.94, 0.005, 'stays bandit')
  near(after.gone / rest, 0.01, 0.003, 'leaves')
})

test('rates that ship with the world are those of its constants', () => {
  const { rates: shipped } = demoWorld
  const computed = computeRates(demoWorld, 60_000)
  for (const name of ['random', 'bestFixed', 'oracle', 'popularity'] as const)
    near(computed[name]!, shipped![name], 0.0005, name)
  near(shipped!.random, 0.0103, 0.0002, 'published random')
  near(shipped!.oracle, 0.0195, 0.0006, 'published oracle')
  near(shareOfGap(shipped!.bestFixed, shipped!), 0.48, 0.05, 'published best fixed')
})

const published: Record<string, { random: number; popularity?: number; oracle: number }> = {
  'p10-flips5-seed42': { random: 0.0113, popularity: 0.0129, oracle: 0.0179 },
  'p20-flips10-seed42': { random: 0.0109, popularity: 0.0084, oracle: 0.0235 },
  'p20-flips10-seed58': { random: 0.01, oracle: 0.018 },
}
for (const [name, rates] of Object.entries(published))
  test(`the published rates of ${name}`, t => {
    const file = join(realData, 'recogym', `${name}.json`)
    if (!existsSync(file)) return t.skip(`${file} is absent (FEEDLOOP_DATA names the folder)`)
    const computed = computeRates(readWorld(file), 30_000)
    for (const [rule, value] of Object.entries(rates))
      near(computed[rule as keyof typeof rates] as number, value, 0.001, `${name} ${rule}`)
  })

test('rates are the same each time', () => {
  near(computeRates(twoProducts(), 20_000).random, computeRates(twoProducts(), 20_000).random, 0, 'the same each time')
})

/** Two products, one always better: everything can be said by hand. */
const twoProducts = (): World => ({
  name: 'two',
  products: 2,
  flips: 0,
  seed: 0,
  gamma: [[0], [0]],
  muOrganic: [10, -10],
  permutation: [0, 1],
})

test('a world without taste: oracle, best fixed and popularity show the same product', () => {
  const { random, bestFixed, popularity, oracle } = computeRates(twoProducts(), 20_000)
  near(oracle, clickProbability(10), 1e-12, 'oracle')
  near(bestFixed, oracle, 1e-12, 'best fixed')
  near(popularity!, oracle, 1e-12, 'popularity')
  near(random, (clickProbability(10) + clickProbability(-10)) / 2, 1e-4, 'random')
})

const trace = (environment: Environment, index: number, seed: number) => {
  const session = environment.session(index, seed)
  const seen: unknown[] = [session.userId, session.sessionId]
  let observation = session.reset()
  for (;;) {
    seen.push(observation.organic.map(act => act.itemId))
    if (observation.done) return seen
    const { outcomes, expectedReward, next } = session.step(['p3'])
    seen.push(outcomes.length, expectedReward)
    observation = next
  }
}

test('a session is decided by seed and index alone', () => {
  const environment = createRecogym({ world: demoWorld })
  assert.deepEqual(trace(environment, 5, 1), trace(environment, 5, 1))
  assert.notDeepEqual(trace(environment, 5, 1), trace(environment, 6, 1))
  assert.notDeepEqual(trace(environment, 5, 1), trace(environment, 5, 2))
})

test('clicks come as often as the expected rewards say', () => {
  const environment = createRecogym({ world: demoWorld })
  let clicks = 0
  let expected = 0
  for (let index = 0; index < 1500; index++) {
    const session = environment.session(index, 3)
    let observation = session.reset()
    while (!observation.done) {
      const result = session.step(['p4'])
      clicks += result.outcomes.length
      expected += result.expectedReward
      for (const { type, itemId } of result.outcomes) assert.deepEqual([type, itemId], ['click', 'p4'])
      observation = result.next
    }
  }
  near(clicks, expected, 4 * Math.sqrt(expected), 'clicks')
})

for (const [name, change] of Object.entries<(world: Record<string, unknown>) => unknown>({
  'a row too few': world => ({ ...world, muOrganic: [1] }),
  'a permutation that is none': world => ({ ...world, permutation: [0, 0, 1, 2, 3, 4, 5, 6, 7, 8] }),
  'ragged vectors': world => ({ ...world, gamma: [[1], ...(world.gamma as number[][]).slice(1)] }),
  'no constants': () => ({}),
}))
  test(`${name} is no world`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'feedloop-world-'))
    writeFileSync(join(folder, 'world.json'), JSON.stringify(change({ ...demoWorld })))
    assert.throws(
      () => readWorld(join(folder, 'world.json')),
      error => isCode(error, 'DATA_MISSING'),
    )
    rmSync(folder, { recursive: true })
  })

test('a file that is not there is named', () => {
  assert.throws(() => readWorld('/nowhere/world.json'), /DATA_MISSING: .*nowhere/)
})

test('the preset is a valid configuration and learns: half the way to the oracle within 30,000 decisions', () => {
  const environment = createRecogym({ world: demoWorld })
  parseConfig(environment.preset)
  const { rewards } = play({ environment, config: configFor(environment, 'thompson'), decisions: 30_000, seed: 1 })
  const share = (from: number, to: number) =>
    shareOfGap(rewards.subarray(from, to).reduce((sum, rate) => sum + rate, 0) / (to - from), environment.rates())
  assert.ok(share(0, 500) < 0.4, `starts near random: ${share(0, 500)}`)
  assert.ok(share(27_000, 30_000) > 0.5, `ends at ${share(27_000, 30_000)}`)
})
