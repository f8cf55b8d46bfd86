/** `feedloop train` as people run it: a goal, a folder, an interrupt that is gone on from. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
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

test('a log instead of an environment', () => {
  const data = join(folder, 'log.csv')
  const mapping = join(folder, 'log.yaml')
  const rows = Array.from({ length: 200 }, (_, n) => `u${n},${n % 2 ? 'a' : 'b'},0.5,${n % 2},${1000 + n}`)
  writeFileSync(data, `user,shown,p,click,at\n${rows.join('\n')}\n`)
  writeFileSync(mapping, logMapping)
  const flags = ['--data', data, '--mapping', mapping, '--propensity', 'p', '--algorithm', 'linear-gaussian']
  const { status, stdout, stderr } = train(...flags, '--every', '100', '--until', 'reward>=0.9')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /The goal is reached after 100 decisions; best: reward 0.9/)
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
  refused(['--environment', 'nowhere'], /long-term/)
  refused(['--data', 'x.csv'], /--mapping/)
  refused(
    ['--environment', 'recogym', '--steps', '1', '--until', 'share>=0.9'],
    /USAGE: --until share: .* reward and return only/,
  )
})
