/** The runner itself: what may look green, and what may not. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createReport } from '../../tools/test/report.ts'
import { runCommand, runSuite } from '../../tools/test/suite.ts'

const root = mkdtempSync(join(tmpdir(), 'feedloop-runner-'))
after(() => rmSync(root, { recursive: true, force: true }))
const head = "import { describe, test } from 'node:test'\n"

describe('a suite', () => {
  const cases: readonly {
    name: string
    body: string
    passed: number
    failed: readonly RegExp[]
    skipped?: number
  }[] = [
    {
      name: 'passes',
      body: "test('a', () => {}); describe('d', () => { test('b', () => {}) })",
      passed: 2,
      failed: [],
    },
    {
      name: 'counts each failed test once, wherever it stands',
      body: "describe('d', () => { test('a', () => { throw new Error('no') }); test('b', () => {}) })",
      passed: 1,
      failed: [/Error: no/],
    },
    {
      name: 'counts subtests, and not what holds them',
      body: "test('outer', async t => { await t.test('in', () => {}); await t.test('bad', () => { throw new Error('x') }) })",
      passed: 1,
      failed: [/Error: x/],
    },
    { name: 'without a test fails', body: 'console.log(1)', passed: 0, failed: [/ran no test/] },
    { name: 'that does not load fails', body: "import './absent.ts'", passed: 0, failed: [/ran no test/] },
    {
      name: 'that ends with a code fails, though its tests passed',
      body: "test('a', () => {}); process.on('exit', () => { process.exitCode = 3 })",
      passed: 1,
      failed: [/code 3/],
    },
    {
      name: 'that never ends is killed',
      body: "test('a', () => {}); setInterval(() => {}, 1000)",
      passed: 1,
      failed: [/did not end in time/],
    },
    {
      name: 'counts no skipped test',
      body: "test('a', { skip: 'no data' }, () => {})",
      passed: 0,
      failed: [],
      skipped: 1,
    },
  ]
  for (const [index, { name, body, passed, failed, skipped = 0 }] of cases.entries())
    test(name, async () => {
      const file = `${index}.test.ts`
      writeFileSync(join(root, file), head + body)
      const outcome = await runSuite(file, { root, env: process.env, limitMs: 5000 })
      assert.equal(outcome.passed, passed)
      assert.equal(outcome.failures.length, failed.length, JSON.stringify(outcome.failures))
      outcome.failures.forEach((failure, at) => {
        assert.match(failure.error, failed[at])
      })
      assert.equal(outcome.skipped.length, skipped)
    })
})

describe('a command', () => {
  test('counts as one, and its output is kept', async () => {
    const outcome = await runCommand('c', process.execPath, ['-e', 'console.log("why"); process.exit(2)'], root)
    assert.deepEqual([outcome.passed, outcome.failures.length, outcome.output.trim()], [0, 1, 'why'])
  })
})

describe('the report', () => {
  const outcome = { name: 's', seconds: 1, passed: 2, failures: [], skipped: [], output: '' }
  const last = (work: (report: ReturnType<typeof createReport>) => void) => {
    const lines: string[] = []
    const report = createReport(line => lines.push(line))
    work(report)
    const ok = report.end()
    return [lines.at(-1), ok]
  }
  test('ends with the sum', () => {
    assert.deepEqual(
      last(report => report.add(outcome)),
      ['2 passed, 0 failed', true],
    )
  })
  test('a suite that could not run is a failure', () => {
    const both = last(report => {
      report.add(outcome)
      report.refused('kafka', 'no broker')
    })
    assert.deepEqual(both, ['2 passed, 1 failed', false])
  })
})
