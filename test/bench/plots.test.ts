/** The plots of docs/learning.md from the bench's JSON. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const spread = (mean: number) => ({ mean, sd: 0.1, seeds: 4 })
const of = { learner: 'linear-gaussian', explorer: 'thompson', cpuMsPerDecision: 1 }
const rates = { random: 0, bestFixed: 0.5, oracle: 1 }
const results = {
  e2: [{ ...of, file: 'a <b> & c', examples: 9, classes: 2, loss: spread(0.25) }],
  e4: [
    {
      ...of,
      environment: 'recogym p1/x',
      rates,
      shareOfGap: { 100: spread(0.2), 200: spread(0.4) },
      beside: { bestFixed: 0.1, popularity: 0.3, contextFree: { 100: spread(0.1), 200: spread(0.1) } },
    },
  ],
  e5: { decisions: 7, folds: [{ fold: 0, popularity: 1, policy: 2, ridge: 3 }] },
  delay: { decisions: 5, weighed: spread(1.1), naive: spread(2) },
  drift: { window: 500, course: [0.1, 0.5, 0.2, 0.6], lost: spread(0) },
}

/** Names of the elements; throws where a tag is not closed by its own. */
function elementsOf(xml: string): string[] {
  const open: string[] = []
  const names: string[] = []
  for (const [, closes, name, alone] of xml.matchAll(/<(\/?)([a-zA-Z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (closes) assert.equal(open.pop(), name)
    else {
      names.push(name)
      if (!alone) open.push(name)
    }
  }
  assert.deepEqual(open, [])
  assert.doesNotMatch(xml.replaceAll(/<[^<>]*>/g, ''), /[<>]|&(?!\w+;|#\d+;)/, 'text is escaped')
  return names
}

const main = fileURLToPath(new URL('../../bench/plots/main.ts', import.meta.url))

test('one well-formed SVG a chart, of several files the later part, the same each time', () => {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-plots-'))
  try {
    const files = [results, { delay: { ...results.delay, decisions: 6 } }].map((part, i) => {
      const file = join(folder, `${i}.json`)
      writeFileSync(file, JSON.stringify({ machine: {}, results: part, bars: [] }))
      return file
    })
    const [first, second] = ['one', 'two'].map(name => {
      const out = join(folder, name)
      const { status, stderr } = spawnSync(process.execPath, [main, ...files, '--out', out], { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      return new Map(readdirSync(out).map(file => [file, readFileSync(join(out, file), 'utf8')]))
    })
    assert.deepEqual([...first.keys()].sort(), [
      'delay.svg',
      'drift.svg',
      'files.svg',
      'jester.svg',
      'recogym-p1-x.svg',
    ])
    assert.deepEqual(second, first)
    for (const [file, svg] of first) {
      const [root, ...inside] = elementsOf(svg)
      assert.equal(root, 'svg', file)
      assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
      assert.ok(inside.filter(name => name === 'path').length > 3 && inside.includes('text'), file)
      assert.doesNotMatch(svg, /NaN|undefined|zr\d/, file)
    }
    assert.match(first.get('delay.svg')!, /6 decisions, 4 seeds/)
    assert.match(first.get('files.svg')!, /a &lt;b&gt; &amp; c 9 decisions/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('without a file it says how it is used', () => {
  const { status, stderr } = spawnSync(process.execPath, [main], { encoding: 'utf8' })
  assert.deepEqual([status, /^usage: npm run generate:plots/.test(stderr)], [2, true])
})
