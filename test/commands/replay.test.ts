/** What `feedloop replay` says before it has a bus: one line, and no bar above it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { exitCodeOf } from '../../src/commands/replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-replay-'))
after(() => rmSync(folder, { recursive: true }))

const main = join(import.meta.dirname, '../../src/main.ts')
const replay = (...more: string[]) => {
  const { KAFKA_BROKERS: _unset, ...env } = process.env
  const files = ['--data', join(folder, 'rows.csv'), '--mapping', join(folder, 'mapping.yaml')]
  return spawnSync(process.execPath, [main, 'replay', ...files, ...more], { env, encoding: 'utf8' })
}

test('a configuration that is wrong: its problems alone, and exit 1', () => {
  const config = join(folder, 'feedloop.yaml')
  writeFileSync(config, 'log: { level: loud }')
  const { status, stdout, stderr } = replay('-c', config)
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /^CONFIG_INVALID: \n {2}log\.level: .*\n$/)
})

test('no brokers: one line, and exit 1', () => {
  const { status, stdout, stderr } = replay()
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /^CONFIG_INVALID: no brokers: .*\n$/)
})

describe('exit', () => {
  const summary = {
    rows: 5,
    records: 5,
    refused: 0,
    part: 1,
    resumedAt: 0,
    sentBefore: 0,
    refusals: [],
    finished: true,
  }
  for (const [name, more, code] of [
    ['all rows went in', {}, 0],
    ['some were refused', { records: 3, refused: 2 }, 0],
    ['every row was refused', { records: 0, refused: 5 }, 1],
    ['nothing was of interest', { records: 0 }, 0],
    ['an earlier run had done it', { resumedAt: 5, sentBefore: 5 }, 0],
    ['it was interrupted', { finished: false, part: 0.5 }, 1],
  ] as const)
    test(`${code}: ${name}`, () => assert.equal(exitCodeOf({ ...summary, ...more }), code))
})
