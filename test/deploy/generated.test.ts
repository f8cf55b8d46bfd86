/** The deploy files say what the code says today. Run against the real things: `npm run test:deploy`. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { generatedFiles } from '../../deploy/generate.ts'
import { metricTable } from '../../src/metrics.ts'

const deploy = new URL('../../deploy/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, deploy), 'utf8')

describe('generated deploy files are current (npm run generate:deploy)', () => {
  for (const [path, text] of Object.entries(generatedFiles())) test(path, () => assert.equal(read(path), text))
})

describe('deploy files', () => {
  test('name only metrics of the table', () => {
    const suffixes = ['', '_bucket', '_sum', '_count']
    const known = new Set(Object.keys(metricTable).flatMap(name => suffixes.map(suffix => name + suffix)))
    for (const path of ['prometheus/feedloop.rules.yaml', 'grafana/feedloop.json'])
      for (const [name] of read(path).matchAll(/\bfeedloop_[a-z_]+/g)) assert.ok(known.has(name), `${path}: ${name}`)
  })
  test('the chart names the version of the project', () => {
    const { version } = JSON.parse(read('../package.json'))
    assert.match(read('helm/feedloop/Chart.yaml'), new RegExp(`^appVersion: ${version}$`, 'm'))
  })
  test('are well-formed YAML', () => {
    const files = globSync(
      ['*.yaml', 'prometheus/*.yaml', 'grafana/**/*.yaml', 'helm/feedloop/*.yaml', 'helm/feedloop/ci/*.yaml'],
      {
        cwd: deploy,
      },
    )
    assert.ok(files.length > 5)
    for (const file of files)
      for (const document of parseAllDocuments(read(file))) assert.deepEqual(document.errors, [], file)
  })
  test('the dashboard has no two panels in one place', () => {
    const { panels } = JSON.parse(read('grafana/feedloop.json')) as { panels: { gridPos: { x: number; y: number } }[] }
    const places = panels.map(({ gridPos }) => `${gridPos.x},${gridPos.y}`)
    assert.equal(new Set(places).size, places.length)
  })
})
