/** `feedloop train` as people run it: a goal, a folder, an interrupt that is gone on from. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Kept } from '../../src/training/folder.ts'
import { logMapping } from '../learner/log-mapping.ts'

const folder = mkdtempSync(join(tmpdir(), 'train-'))
after(() => rmSync(folder, { recursive: true }))
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const train = (...flags: string[]) =>
  spawnSync(process.execPath, [main, 'train', ...flags], { encoding: 'utf8', timeout: 120_000 })
const kept = (): Kept => JSON.parse(readFileSync(join(folder, 'training.json'), 'utf8'))

/** Learns in no time: what pays next, by exact sums. */
const bandit = ['--algorithm', 'linear-gaussian', '--set', '{"policies":[{"gamma":0}]}', '--every', '320']

test('a goal is reached, or not, and the folder goes on', () => {
  const begun = train(...bandit, '--steps', '640', '--until', 'return>=100', '--folder', folder, '--json')
  assert.equal(begun.status, 1, begun.stderr)
  const { ending, points, returns } = JSON.parse(begun.stdout)
  assert.deepEqual([ending, points.length], ['steps', 2])
  assert.ok(returns.optimum > returns.random)
  const first = kept()
  assert.equal(first.progress.decisions, 640)
  assert.match(readFileSync(join(folder, 'curve.svg'), 'utf8'), /<polyline/)

  const again = train(...bandit, '--folder', folder)
  assert.deepEqual([again.status, /--resume/.test(again.stderr)], [1, true])

  const resumed = train('--folder', folder, '--resume', '--steps', '1280', '--until', 'reward>=0.001')
  assert.equal(resumed.status, 0, resumed.stderr)
  assert.match(resumed.stdout, /The goal is reached after 960 decisions/)
  const second = kept()
  assert.deepEqual(second.settings, first.settings)
  assert.deepEqual(second.points.slice(0, 2), first.points)
  assert.ok(second.progress.session > first.progress.session && second.progress.version > first.progress.version)
})

const data = join(folder, 'log.csv')
const mapping = join(folder, 'log.yaml')

test('an interrupt ends it after its point, and it goes on from there', async () => {
  const own = ['--folder', join(folder, 'interrupted')]
  const child = spawn(process.execPath, [main, 'train', ...bandit, '--steps', '100000000', ...own])
  let told = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (told === '' && text !== '') child.kill('SIGINT')
    told += text
  })
  assert.deepEqual(await once(child, 'close'), [0, null])
  const stopped = Number(/^Stopped after (\d+) decisions/m.exec(told)?.[1])
  const resumed = train('--resume', ...own, '--steps', String(stopped + 320), '--json')
  assert.equal(resumed.status, 0, resumed.stderr)
  const { points } = JSON.parse(resumed.stdout)
  assert.deepEqual(
    points.map(({ decisions }: { decisions: number }) => decisions),
    Array.from({ length: stopped / 320 + 1 }, (_, n) => 320 * (n + 1)),
  )
})

test('a log instead of an environment', () => {
  const rows = Array.from({ length: 200 }, (_, n) => `u${n},${n % 2 ? 'a' : 'b'},0.5,${n % 2},${1000 + n}`)
  writeFileSync(data, `user,shown,p,click,at\n${rows.join('\n')}\n`)
  writeFileSync(mapping, logMapping)
  const flags = ['--data', data, '--mapping', mapping, '--propensity', 'p', '--algorithm', 'linear-gaussian']
  const { status, stdout, stderr } = train(...flags, '--every', '100', '--until', 'reward>=0.9')
  assert.equal(status, 0, stderr)
  assert.match(
    stdout,
    /^Learns from log.csv, a tenth of it held out.\n100 transitions: .*\nThe goal is reached after 100 transitions; best: reward 0.9\d+ ± 0\.\d{4} \(standard error; effective sample size \d+\.\d\) with/,
  )
  const { points, best } = JSON.parse(train(...flags, '--every', '100', '--steps', '100', '--json').stdout)
  for (const { estimate } of [...points, best]) {
    assert.ok(estimate.standardError > 0 && estimate.standardError < 0.2)
    assert.ok(estimate.effectiveSamples > 1 && estimate.effectiveSamples <= 40)
  }
})

test('a log without propensities teaches, goes on, and is not waited for', () => {
  const kept = ['--folder', join(folder, 'unknown')]
  const imitates = '{"policies":[{"twoTower":{"imitate":true}}]}'
  const log = ['--data', data, '--mapping', mapping, '--algorithm', 'two-tower', '--set', imitates]
  const flags = [...log, '--every', '100', ...kept]
  for (const end of [['--until', 'reward>=0.9'], ['--converged']]) {
    const { status, stderr } = train(...flags, ...end)
    assert.deepEqual([status, /log.csv tells no reward.*--propensity/.test(stderr)], [1, true], stderr)
  }
  const begun = train(...flags, '--steps', '200')
  assert.equal(begun.status, 0, begun.stderr)
  const best = (stdout: string) =>
    /best: reward unknown \(no decision held out has an exact propensity \(--propensity\)\) with version (\d+)/.exec(
      stdout,
    )?.[1]
  assert.equal(Number(best(begun.stdout)), 2)
  const resumed = train('--resume', ...kept, '--steps', '300')
  assert.equal(resumed.status, 0, resumed.stderr)
  assert.equal(Number(best(resumed.stdout)), 3)
})

test('steps are made in whole rounds', () => {
  const { stdout, status, stderr } = train(...bandit, '--steps', '10', '--sessions', '16')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /over after 16 decisions/)
})

test('a log that sums take once is learned, and its transitions are counted', () => {
  const flags = ['--data', data, '--mapping', mapping, '--propensity', 'p', '--algorithm', 'linear-gaussian']
  const { stdout, status, stderr } = train(...flags)
  assert.equal(status, 0, stderr)
  const learned = Number(/^The log is learned after (\d+) transitions; best: /m.exec(stdout)?.[1])
  assert.ok(learned > 160 && learned < 200, stdout)
})

test('the environment is named where none was, and its default', () => {
  const { stdout } = train(...bandit, '--steps', '16')
  assert.match(stdout, /^Learns in the environment long-term\.\n/)
  assert.match(train('--help').stdout, /--environment <name>[^-]*default: "long-term"/)
})

test('what cannot be is refused in words', () => {
  const refused = (flags: string[], words: RegExp) => {
    const { status, stderr } = train(...flags)
    assert.equal(status, 1)
    assert.match(stderr, words)
  }
  refused(['--until', 'loss<1'], /reward>=0.5/)
  refused(['--resume'], /--folder/)
  refused(['--resume', '--folder', join(folder, 'none')], /holds no training/)
  const given = ['--algorithm', 'ppo', '--seed', '9', '--set', '{}', '--learn-every', '256', '--topic']
  refused(['--resume', '--folder', folder, ...given], /without --topic, --algorithm, --set, --learn-every, --seed/)
  refused(['--environment', 'nowhere'], /long-term/)
  refused(['--data', 'x.csv'], /--mapping/)
  refused(
    ['--environment', 'recogym', '--steps', '1', '--until', 'share>=0.9'],
    /USAGE: recogym .* tells no share: reward, return/,
  )
})
