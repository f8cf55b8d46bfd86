/** The deploy files say what the code says today. Run against the real things: `npm run test:deploy`. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { generatedFiles } from '../../deploy/generate.ts'
import { type MetricEntry, type MetricName, metricTable } from '../../src/metrics.ts'
import { pipeline } from '../../src/pipeline.ts'
import { expressions } from './expressions.ts'

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
  test('ask a metric only for labels and stages that it has', () => {
    const stages: readonly string[] = pipeline.map(({ stage }) => stage)
    const all = expressions()
    assert.ok(all.length > 50, `${all.length} expressions`)
    for (const expression of all) {
      const names = [...expression.matchAll(/\bfeedloop_[a-z_]+/g)].map(([name]) => labelsOf(name))
      for (const [, list] of expression.matchAll(/\bby \(([^)]*)\)/g))
        for (const label of list.split(', '))
          for (const labels of names) assert.ok(labels.includes(label), `${label} in ${expression}`)
      for (const [, name, selector] of expression.matchAll(/\b(feedloop_[a-z_]+)\{([^}]*)\}/g))
        for (const [, label, value] of selector.matchAll(/(\w+)="([^"]*)"/g)) {
          assert.ok(labelsOf(name).includes(label), `${label} in ${expression}`)
          assert.ok(label !== 'stage' || stages.includes(value), `${value} in ${expression}`)
        }
    }
  })
  test('the chart and the image name the version of the project', () => {
    const { version } = JSON.parse(read('../package.json'))
    assert.match(read('Dockerfile'), new RegExp(`^ARG VERSION=${version}$`, 'm'))
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

/** Labels of a series: `le` too for the buckets of a histogram. */
function labelsOf(series: string): readonly string[] {
  const name = series.replace(/_(bucket|sum|count)$/, '')
  const { labels = [] }: MetricEntry = metricTable[name as MetricName] ?? metricTable[series as MetricName]
  return series.endsWith('_bucket') ? [...labels, 'le'] : labels
}
