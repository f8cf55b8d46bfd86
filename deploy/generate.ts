/**
 * Writes every deploy file that repeats src/pipeline.ts, src/metric-table.ts or src/config.ts: `npm run generate:deploy`.
 * A test checks that they are current. What is not made here (Dockerfile, compose.yaml, the chart's templates and
 * values) repeats none of the three.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { chartAcls } from './generate/acls.ts'
import { alertRules, chartRules } from './generate/alerts/rules.ts'
import { asyncApi } from './generate/asyncapi.ts'
import { composeStages, prometheusConfig } from './generate/compose.ts'
import { dashboards } from './generate/dashboards/dashboards.ts'
import { chartServices } from './generate/stages.ts'
import { chartTopics } from './generate/topics.ts'
import { valuesSchema } from './generate/values-schema.ts'
import { chartReadme } from './generate/values-table.ts'

const folder = new URL('./', import.meta.url)
const note = '# Made by `npm run generate:deploy`. Do not edit.\n'
const yaml = (value: unknown) => note + stringify(value, { lineWidth: 0 })
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** Every generated file, from `deploy/`, with its text. */
export const generatedFiles = (): Readonly<Record<string, string>> => {
  const boards = Object.entries(dashboards()).map(([name, board]) => [`${name}.json`, json(board)] as const)
  const inside = (folder: string) => Object.fromEntries(boards.map(([name, text]) => [`${folder}/${name}`, text]))
  return {
    'asyncapi.json': json(asyncApi()),
    'compose.stages.yaml': yaml(composeStages()),
    'prometheus/feedloop.rules.yaml': yaml({ groups: alertRules() }),
    'prometheus/prometheus.yaml': yaml(prometheusConfig()),
    ...inside('grafana/dashboards'),
    'helm/feedloop/README.md': chartReadme(),
    'helm/feedloop/values.schema.json': json(valuesSchema()),
    'helm/feedloop/generated/stages.yaml': yaml(chartServices()),
    'helm/feedloop/generated/topics.yaml': yaml(chartTopics()),
    'helm/feedloop/generated/acls.yaml': yaml(chartAcls()),
    'helm/feedloop/generated/rules.yaml': yaml({ groups: chartRules() }),
    ...inside('helm/feedloop/generated/dashboards'),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [path, text] of Object.entries(generatedFiles())) {
    mkdirSync(new URL('./', new URL(path, folder)), { recursive: true })
    writeFileSync(new URL(path, folder), text)
  }
