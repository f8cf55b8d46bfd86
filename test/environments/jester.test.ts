import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { createJester, type JesterData, readJester } from '../../src/environments/jester.ts'
import { isCode } from '../../src/errors.ts'
import { configFor } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { play } from '../../src/evaluation/bakeoff/play.ts'
import { realData } from '../real-data.ts'

const real = join(realData, 'jester')

/** 30 jokes; joke j gets j/10 from everyone, and ±1 from two kinds of people. */
const made: JesterData = {
  jokes: Array.from({ length: 30 }, (_, j) => ({ id: `joke_${j}`, text: `joke number ${j}` })),
  ratings: Array.from({ length: 10 }, (_, person) =>
    Float64Array.from({ length: 30 }, (_, j) => j / 10 + (person % 2 ? 1 : -1)),
  ),
}

test('a visit: 20 ratings are known, one of the others is rated, then it is over', () => {
  const environment = createJester(made)
  const users = new Set<string>()
  for (let index = 0; index < 50; index++) {
    const session = environment.session(index, 1)
    users.add(session.userId)
    const { organic, candidates, done, slots } = session.reset()
    assert.equal(organic.length, 20)
    assert.equal(done, false)
    assert.equal(slots, 1)
    assert.equal(new Set([...organic.map(act => act.itemId), ...candidates!]).size, 30)
    const kind = organic[0].value! - Number(organic[0].itemId!.slice(5)) / 10
    const shown = candidates![index % 10]
    const { outcomes, expectedReward, next } = session.step([shown])
    assert.ok(Math.abs(expectedReward - (Number(shown.slice(5)) / 10 + kind)) < 1e-9)
    assert.deepEqual(outcomes, [{ type: 'rating', itemId: shown, value: expectedReward, delayMs: 0 }])
    assert.deepEqual([next.done, next.organic], [true, []])
  }
  assert.equal(users.size, 50, 'a new user id a visit')
})

test('rates of a small world by hand', () => {
  const { random, popularity, oracle } = createJester(made).rates()
  // everyone rates in the same order, so the most popular candidate is the best one
  assert.equal(popularity, oracle)
  assert.ok(Math.abs(random - 1.45) < 0.03, String(random))
  assert.ok(oracle > 2.7 && oracle < 2.9, String(oracle))
})

for (const [name, ratings] of Object.entries({
  'a joke without ratings': 'user_id,joke_0\nu0,1\n',
  'no rating': `user_id,${made.jokes.map(joke => joke.id).join()}\nu0,${'1,'.repeat(29)}x\n`,
}))
  test(`${name} is refused`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'feedloop-jester-'))
    writeFileSync(
      join(folder, 'jokes.csv'),
      `joke_id,text\n${made.jokes.map(joke => `${joke.id},${joke.text}`).join('\n')}\n`,
    )
    writeFileSync(join(folder, 'ratings.csv'), ratings)
    assert.throws(
      () => readJester(folder),
      error => isCode(error, 'DATA_MISSING'),
    )
    rmSync(folder, { recursive: true })
  })

test('a folder that is not there is named', () => {
  assert.throws(() => readJester('/nowhere'), /DATA_MISSING: .*nowhere/)
})

test('real ratings: the published rates, and the preset passes popularity', t => {
  parseConfig(createJester(made).preset)
  if (!existsSync(real)) return t.diagnostic(`no ratings in ${real}: NOT compared; the preset was only checked`)
  const environment = createJester(readJester(real))
  const { random, popularity, oracle } = environment.rates()
  for (const [value, published] of [
    [random, 1.1],
    [popularity!, 3.8],
    [oracle, 8.18],
  ])
    assert.ok(Math.abs(value - published) < 0.05, `${value} against ${published}`)
  const { rewards } = play({ environment, config: configFor(environment, 'thompson'), decisions: 40_000, seed: 1 })
  const last = rewards.subarray(32_000).reduce((sum, reward) => sum + reward, 0) / 8000
  assert.ok(last > popularity!, `${last.toFixed(2)}, popularity ${popularity!.toFixed(2)}`)
})
