/** Every name in the tables of errors and metrics is used, and every metric name in use is in the table. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorTable } from '../../src/errors.ts'
import { metricTable } from '../../src/metric-table.ts'
import { sourceFiles } from '../pipeline-map/sources.ts'

const sources = sourceFiles('src').filter(file => !['src/errors.ts', 'src/metric-table.ts'].includes(file.path))
const everything = sources.map(file => file.text).join('\n')
const names = [...Object.keys(errorTable), ...Object.keys(metricTable)]
const isUsed = (name: string) => new RegExp(`['"\`]${name}['"\`]`).test(everything)

describe('error codes and metric names', () => {
  test('a metric name in the sources is in the table', () => {
    for (const { path, text } of sources)
      for (const [, name] of text.matchAll(/['"`](feedloop_[a-z_]+)['"`]/g))
        assert.ok(name in metricTable, `${path} uses ${name}, which src/metric-table.ts does not have`)
  })
  test('every name of the tables is used in the sources', () => {
    assert.deepEqual(
      names.filter(name => !isUsed(name)),
      [],
    )
  })
  test('base units and suffixes', () => {
    for (const [name, { type }] of Object.entries(metricTable)) {
      assert.match(name, /^feedloop_[a-z_]+$/)
      assert.equal(name.endsWith('_total'), type === 'counter', name)
      assert.ok(type !== 'histogram' || name.endsWith('_seconds'), name)
    }
  })
  test('a code says what to do', () => {
    for (const [name, { meaning, remedy }] of Object.entries(errorTable))
      assert.ok(meaning.endsWith('.') && remedy.endsWith('.'), name)
  })
})
