/**
 * Writes every deploy file that repeats src/pipeline.ts, src/metrics.ts or src/config.ts: `npm run generate:deploy`.
 * A test checks that they are current. What is not made here (Dockerfile, compose.yaml, the chart's templates and
 * values) repeats none of the three.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { alertRules } from './generate/alerts.ts'
import { asyncApi } from './generate/asyncapi.ts'
import { composeStages, prometheusConfig } from './generate/compose.ts'
import { dashboard } from './generate/dashboard.ts'
import { chartStages } from './generate/stages.ts'
import { chartTopics } from './generate/topics.ts'
import { valuesSchema } from './generate/values-schema.ts'

const folder = new URL('./', import.meta.url)
const note = '# Made by `npm run generate:deploy`. Do not edit.\n'
const yaml = (value: unknown) => note + stringify(value, { lineWidth: 0 })
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** Every generated file, from `deploy/`, with its text. */
export const generatedFiles = (): Readonly<Record<string, string>> => {
  const rules = yaml({ groups: alertRules() })
  const board = json(dashboard())
  return {
    'asyncapi.json': json(asyncApi()),
    'compose.stages.yaml': yaml(composeStages()),
    'prometheus/feedloop.rules.yaml': rules,
    'prometheus/prometheus.yaml': yaml(prometheusConfig()),
    'grafana/feedloop.json': board,
    'helm/feedloop/values.schema.json': json(valuesSchema()),
    'helm/feedloop/generated/stages.yaml': yaml(chartStages()),
    'helm/feedloop/generated/topics.yaml': yaml(chartTopics()),
    'helm/feedloop/generated/rules.yaml': rules,
    'helm/feedloop/generated/dashboard.json': board,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [path, text] of Object.entries(generatedFiles())) {
    mkdirSync(new URL('./', new URL(path, folder)), { recursive: true })
    writeFileSync(new URL(path, folder), text)
  }
