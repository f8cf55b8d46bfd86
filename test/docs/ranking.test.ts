/** docs/ranking.md: its table of reasons is that of the code, and every reason is given somewhere. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { reasonTable } from '../../src/recommendations/reasons.ts'
import { sourceFiles } from '../pipeline-map/sources.ts'

const text = readFileSync(new URL('../../docs/ranking.md', import.meta.url), 'utf8')

test('the table of reasons', () => {
  const [, section] = text.split('\n## Reasons\n')
  const rows = [...section!.split('\n## ')[0]!.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)]
  assert.deepEqual(
    rows.map(([, reason, meaning]) => [reason, meaning]),
    Object.entries(reasonTable),
  )
})

test('every reason is given by some part of the code', () => {
  const sources = sourceFiles('src').filter(({ path }) => path !== 'src/recommendations/reasons.ts')
  const unused = Object.keys(reasonTable).filter(reason => !sources.some(({ text }) => text.includes(`'${reason}'`)))
  assert.deepEqual(unused, [])
})
