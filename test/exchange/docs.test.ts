/** docs/exchange.md: its table of columns is that of the code. Its commands: commands-kafka.test.ts; its programs: python-*.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columns } from '../../src/exchange/transitions/columns.ts'
import { blocksOf, docsText, linesOf } from './docs.ts'

test('the table of columns', () => {
  const rows = [...docsText.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)]
  assert.deepEqual(
    rows.map(([, name, meaning]) => [name, meaning]),
    Object.entries(columns).map(([name, { meaning }]) => [name, meaning]),
  )
})

test('every example is of a kind that a test runs', () => {
  assert.equal(
    docsText.split('```').length,
    1 + 2 * (blocksOf('sh').length + blocksOf('python').length + blocksOf('yaml').length),
  )
  const lines = blocksOf('sh').flatMap(block => block.split('\n'))
  assert.equal(lines.length, linesOf('feedloop').length + linesOf('python3').length)
})
