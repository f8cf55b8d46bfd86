import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createClassification } from '../../../src/environments/classification.ts'
import {
  bakeFile,
  configFor,
  type EnvironmentResult,
  entrantsOf,
  type FileResult,
} from '../../../src/evaluation/bakeoff/bakeoff.ts'
import { explorerNames } from '../../../src/ranker/explorers/schema.ts'
import { createRandom } from '../../../src/state/random.ts'

/** The label is the sign of a number. */
function signs(count: number) {
  const random = createRandom(4)
  const features = Array.from({ length: count }, () => Float64Array.of(random.normal(), random.normal()))
  const labels = features.map(([x]) => (x > 0 ? 1 : 0))
  return createClassification({ name: 'signs', columns: ['x', 'y'], features, classes: ['no', 'yes'], labels })
}

describe('who plays', () => {
  test('the default first, every explorer once, over the first learner that is enough for it', () => {
    const entrants = entrantsOf({ explorers: explorerNames })
    assert.deepEqual(entrants[0], { learner: 'linear-gaussian', explorer: 'thompson' })
    assert.deepEqual(entrants.map(({ explorer }) => explorer).sort(), [...explorerNames].sort())
    assert.deepEqual(
      entrants.filter(({ learner }) => learner !== 'linear-gaussian'),
      [{ learner: 'bagged-linear', explorer: 'bagging' }],
    )
  })
  test('named learners play with all that they are enough for', () => {
    assert.deepEqual(entrantsOf({ learners: ['linear-gaussian', 'bagged-linear'], explorers: ['bagging', 'greedy'] }), [
      { learner: 'linear-gaussian', explorer: 'greedy' },
      { learner: 'bagged-linear', explorer: 'bagging' },
      { learner: 'bagged-linear', explorer: 'greedy' },
    ])
  })
  test('settings laid over the defaults reach the explorers that take them, and no other', () => {
    const overrides = { policies: [{ explorer: { alpha: 0.7 }, linearGaussian: { priorPrecision: 2 } }] }
    const of = (name: 'linucb' | 'squarecb') => configFor(signs(2), name, overrides).policies[0]
    assert.deepEqual(of('linucb').explorer, { name: 'linucb', epsilon: 0.002, alpha: 0.7 })
    assert.equal(of('squarecb').explorer.name, 'squarecb')
    assert.equal(of('squarecb').linearGaussian.priorPrecision, 2)
  })
})

test('every explorer learns an easy file, and each result is told when it is there', () => {
  const told: (FileResult | EnvironmentResult)[] = []
  const made: number[] = []
  const results = bakeFile(signs(400), {
    seeds: 1,
    explorers: explorerNames,
    onResult: result => told.push(result),
    progress: (_entrant, runs) => made.push(runs),
  })
  assert.deepEqual(told, results)
  assert.deepEqual(
    made,
    results.map(() => 1),
  )
  for (const { explorer, loss } of results)
    if (explorer === 'uniform') assert.ok(Math.abs(loss.mean - 0.5) < 0.1, `${explorer} ${loss.mean}`)
    else assert.ok(loss.mean < 0.25, `${explorer} ${loss.mean}`)
})

test('the command prints one JSON object, results on the way beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-bakeoff-'))
  const file = join(folder, 'signs.csv')
  const random = createRandom(2)
  const rows = Array.from({ length: 120 }, () => random.normal()).map(x => `${x},${x > 0 ? 'yes' : 'no'}`)
  writeFileSync(file, `x,label\n${rows.join('\n')}\n`)
  const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
  const run = (...args: string[]) => spawnSync(process.execPath, [main, 'bakeoff', ...args], { encoding: 'utf8' })
  try {
    const { stdout, stderr, status } = run(file, '--shuffles', '2', '--explorers', 'greedy,bagging', '--json')
    assert.equal(status, 0, stderr)
    const { results } = JSON.parse(stdout) as { results: FileResult[] }
    assert.deepEqual(
      results.map(({ learner, explorer, loss }) => [learner, explorer, loss.seeds]),
      [
        ['linear-gaussian', 'greedy', 2],
        ['bagged-linear', 'bagging', 2],
      ],
    )
    assert.match(stderr, /greedy: loss .*\n.*bagging: loss/)
    const world = run(
      '--environment',
      'recogym',
      '--decisions',
      '50',
      '--seeds',
      '1',
      '--explorers',
      'uniform',
      '--json',
    )
    assert.equal(world.status, 0, world.stderr)
    const [only] = (JSON.parse(world.stdout) as { results: EnvironmentResult[] }).results
    assert.ok(Number.isFinite(only.shareOfGap['50'].mean))
    const learned = run(file, '--shuffles', '1', '--explorers', 'linucb', '--learners', 'neural-linear', '--json')
    assert.equal(learned.status, 0, learned.stderr)
    const [neural] = (JSON.parse(learned.stdout) as { results: FileResult[] }).results
    assert.deepEqual([neural.learner, neural.explorer], ['neural-linear', 'linucb'])
    assert.ok(neural.loss.mean < 0.5, String(neural.loss.mean))
    assert.match(run(file, '--explorers', 'best').stderr, /no explorer best: thompson/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
