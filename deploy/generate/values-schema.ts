/** values.schema.json of the chart: unknown keys are refused, and `config` is checked by feedloop's own schema. */
import { configJsonSchema } from '../../tools/docs.ts'
import { freshnessBounds, thresholds } from './alerts/alert.ts'
import { alertRules } from './alerts/rules.ts'
import { type ChartStage, chartServices } from './stages.ts'

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
  topologySpread: listOf(
    strict(
      {
        topologyKey: text,
        maxSkew: { type: 'integer', minimum: 1 },
        whenUnsatisfiable: { enum: ['ScheduleAnyway', 'DoNotSchedule'] },
      },
      ['topologyKey'],
    ),
  ),
  priorityClassName: text,
  resources: strict({ requests: mapTo({}), limits: mapTo({}) }),
  nodeSelector: mapTo(text),
  tolerations: listOf(anyObject),
  affinity: anyObject,
  podAnnotations: mapTo(text),
}

const atLeastOne: Schema = { type: 'integer', minimum: 1 }
const autoscaling = (by: readonly string[]): Schema =>
  strict({
    by: { enum: by },
    minReplicas: atLeastOne,
    maxReplicas: { type: ['integer', 'null'], minimum: 1 },
    cpuPercent: atLeastOne,
    lagRecords: atLeastOne,
    downAfterSeconds: count,
  })

/** A door has no lag: it reads in no group. */
const stageValues = ({ single, reads }: ChartStage): Schema =>
  strict({
    enabled: flag,
    replicas: single ? { ...count, maximum: 1 } : count,
    ...(!single && { autoscaling: autoscaling(['none', 'cpu', ...(reads.length > 0 ? ['lag'] : [])]) }),
    ...pod,
  })

const doorSecret: Schema = strict({
  existingSecret: text,
  tokensKey: text,
  certKey: text,
  keyKey: text,
  clientCaKey: text,
})

const kafka: Schema = strict({
  tls: strict({ existingSecret: text, caKey: text, certKey: text, keyKey: text }),
  sasl: strict({
    mechanism: { enum: ['', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] },
    existingSecret: text,
    usernameKey: text,
    passwordKey: text,
    oauth: strict({ tokenUrl: text, clientId: text, scope: text }),
  }),
  users: strict({ mode: { enum: ['none', 'strimzi'] }, authentication: { enum: ['scram-sha-512', 'tls'] } }),
  kedaAuthentication: text,
})

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
    kafka,
    registry: strict({ existingSecret: text, passwordKey: text, tokenKey: text, caKey: text }),
    callers: doorSecret,
    operators: doorSecret,
    secrets: listOf(strict({ secretName: text, mountPath: text }, ['secretName', 'mountPath'])),
    env: listOf(anyObject),
    defaults: strict({ replicas: count, autoscaling: autoscaling(['none']), ...pod }),
    stages: strict(Object.fromEntries(chartServices().map(each => [each.stage, stageValues(each)]))),
    state: strict({ volume: anyObject }),
    terminationGracePeriodSeconds: count,
    gatewayDrainSeconds: count,
    networkPolicy: strict({
      enabled: flag,
      callers: listOf(anyObject),
      monitoring: listOf(anyObject),
      egress: listOf(anyObject),
    }),
    topics: strict({ mode: { enum: ['job', 'strimzi', 'none'] }, strimziCluster: text, strimziNamespace: text }),
    monitoring: strict({
      serviceMonitor: strict({ enabled: flag, interval: text, labels: mapTo(text), endpoint: anyObject }),
      prometheusRule: strict({
        enabled: flag,
        labels: mapTo(text),
        runbookBase: text,
        selector: text,
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
