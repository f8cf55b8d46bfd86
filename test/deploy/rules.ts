/** The Prometheus rules and scrape configuration, by Prometheus's own tool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Alert } from '../../deploy/generate/alerts/alert.ts'
import { alertRules } from '../../deploy/generate/alerts/rules.ts'
import { type AlertCase, alertCases } from './alert-cases.ts'
import { panelExpressions, runbookExpressions } from './expressions.ts'
import { has, type Part, root, type Say, shell } from './parts.ts'

const file = (name: string) => join(root, 'deploy', 'prometheus', name)

export const rulesPart: Part = {
  name: 'rules',
  async run(say) {
    if (!(await has('promtool')))
      throw new Error(
        'no promtool: it comes with Prometheus (Debian and Ubuntu: `apt-get install prometheus`), or --only another part',
      )
    const answer = await shell('promtool', ['check', 'rules', file('feedloop.rules.yaml')])
    say(`promtool check rules: ${/\d+ rules found/.exec(answer)?.[0]}`)
    const folder = mkdtempSync(join(tmpdir(), 'feedloop-rules-'))
    try {
      say(`promtool check rules: ${await checkPanels(folder)} expressions of the dashboards and runbooks`)
      await shell('promtool', ['check', 'config', file('prometheus.yaml')])
      say('promtool check config')
      await testAlerts(folder, say)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

/** The expressions of dashboards and runbooks, as if they were recording rules, because promtool reads those. */
async function checkPanels(folder: string): Promise<number> {
  const rules = [...panelExpressions(), ...runbookExpressions()].map((expr, index) => ({
    record: `panel_${index}`,
    expr,
  }))
  writeFileSync(join(folder, 'rules.yaml'), stringify({ groups: [{ name: 'dashboard', rules }] }, { lineWidth: 0 }))
  await shell('promtool', ['check', 'rules', join(folder, 'rules.yaml')])
  return rules.length
}

/** Each alert alone, since every rule is worked out for every minute of every case. */
async function testAlerts(folder: string, say: Say): Promise<void> {
  const names = [...new Set(alertCases.map(({ alert }) => alert))]
  const files = names.map(name => {
    const put = (kind: string, value: unknown): string => {
      const path = join(folder, `${name}.${kind}.yaml`)
      writeFileSync(path, stringify(value, { lineWidth: 0 }))
      return path
    }
    const own = rules.filter(({ alert }) => alert === `Feedloop${name}`)
    const rule_files = [put('rules', { groups: [{ name, rules: own }] })]
    const tests = alertCases.filter(({ alert }) => alert === name).map(testOf)
    return put('test', { rule_files, evaluation_interval: '1m', tests })
  })
  await shell('promtool', ['test', 'rules', ...files])
  say(
    `promtool test rules: ${names.length} alerts, ${alertCases.length} cases, each fires when it must and is silent else`,
  )
}

/** As promtool has it. */
function testOf({ alert, title, series, atMinutes, fires }: AlertCase) {
  return {
    name: `${alert}: ${title}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      {
        alertname: `Feedloop${alert}`,
        eval_time: `${atMinutes}m`,
        exp_alerts: fires === null ? [] : expected(alert, fires),
      },
    ],
  }
}

const rules = alertRules().flatMap(group => group.rules)

/** Of stages that are absent there are several: whichever are not in the series fire too. */
function expected(alert: string, labels: Readonly<Record<string, string>>) {
  const made = rules.filter(each => each.alert === `Feedloop${alert}`)
  return made.map(each => ({
    exp_labels: { ...labels, ...each.labels },
    exp_annotations: said(each, { ...labels, ...each.labels }),
  }))
}

const said = ({ annotations }: Alert, labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(annotations).map(([name, text]) => [
      name,
      text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => labels[label]!),
    ]),
  )
