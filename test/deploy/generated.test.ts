/** The deploy files say what the code says today. Run against the real things: `npm run test:deploy`. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { parseAllDocuments } from 'yaml'
import { dashboards } from '../../deploy/generate/dashboards/dashboards.ts'
import { chosen } from '../../deploy/generate/dashboards/panel.ts'
import { generatedFiles } from '../../deploy/generate.ts'
import { learnerStatistics } from '../../src/learner/statistics.ts'
import { type MetricEntry, type MetricName, metricTable } from '../../src/metric-table.ts'
import { NODE_FLAGS } from '../../src/operate/children.ts'
import { pipeline } from '../../src/pipeline.ts'
import { expressions, panelExpressions } from './expressions.ts'

const deploy = new URL('../../deploy/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, deploy), 'utf8')

describe('generated deploy files are current (npm run generate:deploy)', () => {
  for (const [path, text] of Object.entries(generatedFiles())) test(path, () => assert.equal(read(path), text))
})

/** What Prometheus adds: no metric has them. */
const ofTheScrape = ['namespace', 'job']

/** Up to the parenthesis that closes what is open. */
function closed(text: string): string {
  let open = 1
  let end = 0
  while (open > 0 && end < text.length) open += { '(': 1, ')': -1 }[text[end++]] ?? 0
  return text.slice(0, end)
}

describe('deploy files', () => {
  test('name only metrics of the table', () => {
    const suffixes = ['', '_bucket', '_sum', '_count']
    const known = new Set(Object.keys(metricTable).flatMap(name => suffixes.map(suffix => name + suffix)))
    for (const path of ['prometheus/feedloop.rules.yaml', ...globSync('grafana/dashboards/*.json', { cwd: deploy })])
      for (const [name] of read(path).matchAll(/\bfeedloop_[a-z_]+/g)) assert.ok(known.has(name), `${path}: ${name}`)
  })
  test('ask a metric only for labels and stages that it has', () => {
    const stages: readonly string[] = pipeline.map(({ stage }) => stage)
    const all = expressions()
    assert.ok(all.length > 50, `${all.length} expressions`)
    for (const expression of all) {
      for (const { index, 0: by, 1: list } of expression.matchAll(/\bby \(([^)]*)\) \(/g)) {
        const names = [...closed(expression.slice(index + by.length)).matchAll(/\bfeedloop_[a-z_]+/g)]
        for (const label of list.split(', ').filter(each => !ofTheScrape.includes(each)))
          for (const [name] of names) assert.ok(labelsOf(name).includes(label), `${label} of ${name} in ${expression}`)
      }
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
  test('the image starts Node as stages are started', () => {
    const started = ['/sbin/tini', '--', 'node', ...NODE_FLAGS, 'src/main.ts'].map(word => JSON.stringify(word))
    assert.ok(read('Dockerfile').includes(`\nENTRYPOINT [${started.join(', ')}]\n`))
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
})

describe('dashboards', () => {
  const panelsOf = (board: Dashboard) => (board.panels ?? []) as Panel[]
  for (const [name, board] of Object.entries(dashboards()))
    test(`${name}: panels beside each other, each of the chosen data source, exemplars on`, () => {
      const panels = panelsOf(board)
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } = { x: 0, y: 0, w: 0, h: 0 } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      )
      assert.equal(new Set(cells).size, cells.length, 'no two in one place')
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
      const titles = panels.filter(({ type }) => type !== 'row').map(({ title }) => title)
      assert.equal(new Set(titles).size, titles.length, 'titles')
      assert.deepEqual(
        board.templating?.list?.map(variable => variable.name),
        ['datasource', 'namespace', 'job'],
      )
      for (const { title, datasource, targets = [] } of panels.filter(({ type }) => type !== 'row')) {
        assert.ok(targets.length > 0, title)
        assert.equal(datasource?.uid, '$datasource', title)
        for (const target of targets as unknown as { expr: string; exemplar?: boolean }[]) {
          assert.equal(target.exemplar, true, title)
          for (const [selector] of target.expr.matchAll(/\b(?:feedloop|process|nodejs)_[a-z0-9_]+(\{[^}]*\})?/g))
            assert.ok(selector.includes(`{${chosen}`), `${title}: by the installation: ${selector}`)
        }
      }
    })
  test('show every metric of the table', () => {
    const all = panelExpressions().join('\n')
    const isShown = (name: string) => new RegExp(`\\b${name}(_bucket|_sum|_count)?\\{`).test(all)
    assert.deepEqual(
      Object.keys(metricTable).filter(name => !isShown(name)),
      [],
    )
  })
  test('show every statistic of the learners', () => {
    const all = panelExpressions().join('\n')
    const shown = [...all.matchAll(/\bstat=~"([^"]*)"/g)].flatMap(([, names]) => names!.split('|'))
    assert.deepEqual(Object.keys(learnerStatistics).sort(), [...new Set(shown)].sort())
  })
})

/** Labels of a series: `le` too for the buckets of a histogram. */
function labelsOf(series: string): readonly string[] {
  const name = series.replace(/_(bucket|sum|count)$/, '')
  const { labels = [] }: MetricEntry = metricTable[name as MetricName] ?? metricTable[series as MetricName]
  return series.endsWith('_bucket') ? [...labels, 'le'] : labels
}
