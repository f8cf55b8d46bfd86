/** Alerts by the values, dashboards by their names. */
import assert from 'node:assert/strict'
import { type Alert, thresholds } from '../../../deploy/generate/alerts/alert.ts'
import { alertRules, selected } from '../../../deploy/generate/alerts/rules.ts'
import { dashboards } from '../../../deploy/generate/dashboards/dashboards.ts'
import type { Say } from '../parts.ts'
import { type Manifest, ofKind, render } from './render.ts'

export async function monitors(say: Say, PATH: string): Promise<void> {
  const set = ['thresholds.lagSeconds=7', 'disabled={FeedloopRivals}', 'runbookBase=https://books.example/']
  const all = await render('r', 'everything', PATH, ...set.map(each => `monitoring.prometheusRule.${each}`))
  const [{ spec }] = ofKind(all, 'PrometheusRule')
  const rules: Alert[] = spec.groups.flatMap((group: Manifest) => group.rules)
  const by = alertRules({ ...thresholds, lagSeconds: 7 })
  const expected = selected(by, 'namespace="default",job="r-feedloop-metrics"').flatMap(group => group.rules)
  const left = expected.filter(({ alert }) => alert !== 'FeedloopRivals')
  assert.deepEqual(
    rules.map(({ alert, expr }) => [alert, expr]),
    left.map(({ alert, expr }) => [alert, expr]),
  )
  for (const { alert, annotations } of rules as Manifest[])
    assert.equal(annotations.runbook_url, `https://books.example/${alert.replace('Feedloop', '')}.md`)
  const boards = all.filter(({ metadata }) => metadata.labels?.grafana_dashboard === '1')
  assert.deepEqual(
    boards.map(({ data }) => JSON.parse(Object.values<string>(data)[0]!).uid).sort(),
    Object.keys(dashboards())
      .map(name => `feedloop-${name}`)
      .sort(),
  )
  say(`${rules.length} alerts by the values, each with its runbook; ${boards.length} dashboards`)
}
