/** No pattern of ours takes long, whatever text it meets: each is tried on long texts made of what it looks for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sourceFiles } from '../pipeline-map/sources.ts'

const LENGTH = 30_000
/** A pattern that takes quadratic time looks at some 10^9 places, one that takes exponential time never ends. */
const LIMIT_MS = 250

const literal =
  /(?<=[(,=:?&|!\n[]\s*)\/((?![*/\s])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)(?=[.,;)\s:\]])/g
const patterns = sourceFiles('src')
  .filter(({ path }) => !path.startsWith('src/demo/'))
  .flatMap(({ path, text }) => [...text.matchAll(literal)].map(([, source, flags]) => ({ path, source, flags })))

/** Of every kind, and the pattern's own characters. */
const pieces = (source: string): string[] => [
  ...new Set([
    'a',
    '0',
    ' ',
    '\n',
    '/',
    '/a',
    '-',
    '.',
    '"',
    '\\"',
    '{',
    '{}',
    '[',
    '=',
    ',',
    'a0',
    ' \n',
    ...source.replace(/[\\()?*+|^$]/g, ''),
  ]),
]

/** The time of the slowest text, ms. */
function slowest(source: string, flags: string): number {
  const pattern = new RegExp(source, flags.includes('g') ? flags : `${flags}g`)
  return Math.max(
    ...pieces(source).map(piece => {
      const text = `${piece.repeat(LENGTH / piece.length)}\0`
      // The best of two: the first may have met a collector, or another process.
      return Math.min(...[1, 2].map(() => timeOf(() => text.replace(pattern, ''))))
    }),
  )
}

function timeOf(work: () => unknown): number {
  const began = performance.now()
  work()
  return performance.now() - began
}

test('what takes long is found', () => {
  assert.ok(patterns.length > 40, `${patterns.length} patterns`)
  assert.ok(slowest('x*y', '') > LIMIT_MS, 'quadratic')
})

/** Patterns that no payload reaches, each with whose text it is. */
const trusted: Readonly<Record<string, string>> = {}

for (const { path, source, flags } of patterns)
  test(`${path}: /${source}/${flags}`, () => {
    if (`${path} ${source}` in trusted) return
    const ms = slowest(source, flags)
    assert.ok(ms < LIMIT_MS, `${ms.toFixed(0)} ms`)
  })
