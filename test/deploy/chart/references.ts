/** Whatever a manifest names is there: accounts, configurations, secrets, volumes, files, pods behind selectors, targets of autoscalers. */
import assert from 'node:assert/strict'
import { aclsOf, type Principal } from '../../../deploy/kafka/acls.ts'
import { specsOf } from '../../../src/commands/topics.ts'
import type { Config } from '../../../src/config.ts'
import { configOf, type Manifest, named, ofKind } from './render.ts'

const isHook = ({ metadata }: Manifest): boolean => /pre-install/.test(metadata.annotations?.['helm.sh/hook'] ?? '')
const weightOf = ({ metadata }: Manifest): number => Number(metadata.annotations['helm.sh/hook-weight'] ?? 0)
const podOf = ({ kind, spec }: Manifest): Manifest => (kind === 'Pod' ? spec : spec.template.spec)
const workloads = (all: readonly Manifest[]): Manifest[] => ofKind(all, 'Deployment', 'Job', 'Pod')
const labelsOf = (workload: Manifest): Record<string, string> => workload.spec.template.metadata.labels
const matches = (labels: Record<string, string>, selector: Record<string, string>): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)

/** Secrets that somebody else makes: those of the values, and Strimzi's for its users. */
export function foreignSecrets(all: readonly Manifest[], values: Manifest): Set<string> {
  const { kafka, registry, callers, operators, secrets = [], imagePullSecrets = [] } = values
  const existing = [kafka?.tls, kafka?.sasl, registry, callers, operators].map(part => part?.existingSecret)
  const users = ofKind(all, 'KafkaUser').map(({ metadata }) => metadata.name)
  const listed = [
    ...secrets.map((each: Manifest) => each.secretName),
    ...imagePullSecrets.map((each: Manifest) => each.name),
  ]
  return new Set([...existing, ...users, ...listed].filter(Boolean))
}

/** @returns how many references were followed */
export function checkReferences(all: readonly Manifest[], secrets: ReadonlySet<string>): number {
  let followed = 0
  const there = (condition: unknown, what: string): void => {
    assert.ok(condition, `${what} is not there`)
    followed++
  }
  for (const workload of workloads(all)) {
    // Before the release is there, only hooks of less weight are.
    const before = (each: Manifest) => isHook(each) && weightOf(each) < weightOf(workload)
    const visible = isHook(workload) ? all.filter(before) : all
    checkPod(podOf(workload), visible, secrets, there)
  }
  checkSelectors(all, there)
  checkAutoscalers(all, secrets, there)
  return followed
}

type There = (condition: unknown, what: string) => void

function checkPod(pod: Manifest, all: readonly Manifest[], secrets: ReadonlySet<string>, there: There): void {
  there(named(all, 'ServiceAccount', pod.serviceAccountName), pod.serviceAccountName)
  for (const { name } of pod.imagePullSecrets ?? []) there(secrets.has(name), `pull secret ${name}`)
  for (const { configMap, secret } of pod.volumes) {
    if (configMap) there(named(all, 'ConfigMap', configMap.name), `ConfigMap ${configMap.name}`)
    if (secret) there(secrets.has(secret.secretName), `Secret ${secret.secretName}`)
  }
  const volumes = pod.volumes.map(({ name }: Manifest) => name)
  assert.equal(new Set(volumes).size, volumes.length)
  for (const { volumeMounts, env = [] } of pod.containers) {
    for (const { name } of volumeMounts) there(volumes.includes(name), `volume ${name}`)
    for (const { valueFrom } of env)
      if (valueFrom) there(secrets.has(valueFrom.secretKeyRef.name), `Secret ${valueFrom.secretKeyRef.name}`)
  }
}

/** Every file that the configuration names is in a folder that each stage's pod has. */
export function checkFiles(all: readonly Manifest[]): number {
  let files = 0
  for (const { spec } of ofKind(all, 'Deployment')) {
    const [{ volumeMounts, env }] = spec.template.spec.containers
    for (const file of filesOf(configOf(all, env))) {
      files++
      const mount = volumeMounts.find(
        ({ mountPath }: Manifest) => file === mountPath || file.startsWith(`${mountPath}/`),
      )
      assert.ok(mount, `${file} is not mounted`)
    }
  }
  return files
}

const filesOf = (value: unknown, key = ''): string[] => {
  if (typeof value === 'string') return /File$|^folder$/.test(key) && value !== '' ? [value] : []
  return value !== null && typeof value === 'object'
    ? Object.entries(value).flatMap(([name, each]) => filesOf(each, name))
    : []
}

function checkSelectors(all: readonly Manifest[], there: There): void {
  const pods = workloads(all).filter(({ kind }) => kind === 'Deployment')
  const chosen = (selector: Record<string, string>) => pods.filter(pod => matches(labelsOf(pod), selector))
  for (const pod of pods) {
    assert.deepEqual(chosen(pod.spec.selector.matchLabels), [pod], `${pod.metadata.name} selects its own pods only`)
    for (const { labelSelector } of pod.spec.template.spec.topologySpreadConstraints ?? [])
      assert.deepEqual(chosen(labelSelector.matchLabels), [pod])
  }
  for (const { metadata, spec } of ofKind(all, 'PodDisruptionBudget'))
    assert.deepEqual(chosen(spec.selector.matchLabels).map(nameOf), [metadata.name])
  for (const { metadata, spec } of ofKind(all, 'NetworkPolicy'))
    there(chosen(spec.podSelector.matchLabels).length > 0, `pod of policy ${metadata.name}`)
  for (const { metadata, spec } of ofKind(all, 'Service'))
    for (const { targetPort } of spec.ports)
      there(
        chosen(spec.selector).some(pod =>
          podOf(pod).containers[0].ports.some((port: Manifest) => port.name === targetPort),
        ),
        `port ${targetPort} of ${metadata.name}`,
      )
  for (const { spec } of ofKind(all, 'ServiceMonitor'))
    for (const { port } of spec.endpoints) {
      const services = ofKind(all, 'Service').filter(each => matches(each.metadata.labels, spec.selector.matchLabels))
      const scraped = services.filter(each => each.spec.ports.some(({ name }: Manifest) => name === port))
      assert.equal(scraped.length, 1, 'metrics are scraped once')
    }
}

function checkAutoscalers(all: readonly Manifest[], secrets: ReadonlySet<string>, there: There): void {
  const targets = ofKind(all, 'HorizontalPodAutoscaler', 'ScaledObject').map(({ spec }) => spec.scaleTargetRef.name)
  assert.equal(new Set(targets).size, targets.length, 'two autoscalers on one target')
  for (const target of targets) {
    const deployment = named(all, 'Deployment', target)
    there(deployment, `target ${target}`)
    assert.equal(deployment.spec.replicas, undefined, `${target}: what scales it is told its replicas by nobody else`)
    assert.equal(deployment.spec.strategy.type, 'RollingUpdate')
  }
  for (const { spec } of ofKind(all, 'TriggerAuthentication')) {
    for (const { name } of spec.secretTargetRef) there(secrets.has(name), `Secret ${name}`)
    for (const { name, containerName } of spec.env ?? []) {
      const containers = ofKind(all, 'Deployment').flatMap(each => podOf(each).containers)
      const { env } = containers.find(container => container.name === containerName)
      there(
        env.some((variable: Manifest) => variable.name === name),
        `${name} of ${containerName}`,
      )
    }
  }
}

/** Lag is asked for of topics that are made, in groups that a service is in. @returns how many */
export function checkTriggers(all: readonly Manifest[], config: Config): number {
  const made = specsOf(config).map(({ topic }) => topic)
  const triggers = ofKind(all, 'ScaledObject').flatMap(({ spec, metadata }) =>
    spec.triggers.map((trigger: Manifest) => ({ ...trigger, stage: metadata.labels['app.kubernetes.io/component'] })),
  )
  for (const { metadata, stage } of triggers) {
    const acls = aclsOf(stage as Principal, config)
    assert.ok(made.includes(metadata.topic), metadata.topic)
    assert.ok(
      acls.some(({ resource, name }) => resource === 'group' && name === metadata.consumerGroup),
      metadata.consumerGroup,
    )
    assert.equal(metadata.bootstrapServers, config.kafka.brokers.join())
  }
  return triggers.length
}

const nameOf = ({ metadata }: Manifest): string => metadata.name
