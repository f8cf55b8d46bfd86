/** values.schema.json of the chart: unknown keys are refused, and `config` is checked by feedloop's own schema. */
import { configJsonSchema } from '../../tools/docs.ts'
import { freshnessBounds, thresholds } from './alerts/alert.ts'
import { alertRules } from './alerts/rules.ts'
import { chartStages } from './stages.ts'

type Schema = Readonly<Record<string, unknown>>

const text: Schema = { type: 'string' }
const flag: Schema = { type: 'boolean' }
const count: Schema = { type: 'integer', minimum: 0 }
/** Handed to Kubernetes as it is, which checks it. */
const anyObject: Schema = { type: 'object' }
const listOf = (items: Schema): Schema => ({ type: 'array', items })
const mapTo = (value: Schema): Schema => ({ type: 'object', additionalProperties: value })
const strict = (properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...(required.length > 0 && { required }),
})

const pod = {
  resources: strict({ requests: mapTo({}), limits: mapTo({}) }),
  nodeSelector: mapTo(text),
  tolerations: listOf(anyObject),
  affinity: anyObject,
  podAnnotations: mapTo(text),
}

const stageValues = (single: boolean) =>
  strict({ enabled: flag, replicas: single ? { ...count, maximum: 1 } : count, ...pod })

export const valuesSchema = (): Schema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Values of the feedloop chart',
  ...strict({
    nameOverride: text,
    fullnameOverride: text,
    image: strict({
      repository: text,
      tag: text,
      digest: text,
      pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
    }),
    imagePullSecrets: listOf(strict({ name: text }, ['name'])),
    config: withoutDialect(configJsonSchema()),
    secrets: listOf(strict({ secretName: text, mountPath: text }, ['secretName', 'mountPath'])),
    env: listOf(anyObject),
    defaults: strict({ replicas: count, ...pod }),
    stages: strict(Object.fromEntries(chartStages().map(({ stage, single }) => [stage, stageValues(single)]))),
    state: strict({ volume: anyObject }),
    terminationGracePeriodSeconds: count,
    gatewayDrainSeconds: count,
    topics: strict({ mode: { enum: ['job', 'strimzi', 'none'] }, strimziCluster: text, strimziNamespace: text }),
    monitoring: strict({
      serviceMonitor: strict({ enabled: flag, interval: text, labels: mapTo(text) }),
      prometheusRule: strict({
        enabled: flag,
        labels: mapTo(text),
        runbookBase: text,
        disabled: listOf({
          enum: alertRules()
            .flatMap(({ rules }) => rules.map(({ alert }) => alert))
            .filter(isFirst),
        }),
        thresholds: strict(
          Object.fromEntries(
            Object.keys(thresholds).map(name => [
              name,
              name === 'freshnessSeconds' ? { enum: [...freshnessBounds] } : { type: 'number', minimum: 0 },
            ]),
          ),
        ),
      }),
      dashboard: strict({ enabled: flag, labels: mapTo(text) }),
    }),
    /** Helm sets it in charts that are dependencies. */
    global: anyObject,
  }),
})

const isFirst = <T>(value: T, index: number, all: readonly T[]): boolean => all.indexOf(value) === index

const withoutDialect = (schema: object): Schema => {
  const { $schema: _, ...rest } = schema as Record<string, unknown>
  return rest
}
