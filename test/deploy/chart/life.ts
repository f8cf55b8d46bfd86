/** Every manifest, and the whole life of a release, in a namespace that enforces the restricted Pod Security standard. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { chartServices, chartStages } from '../../../deploy/generate/stages.ts'
import { specsOf } from '../../../src/commands/topics.ts'
import { type Config, parseConfig } from '../../../src/config.ts'
import type { TopicSpec } from '../../../src/log/log.ts'
import { root, type Say, shell } from '../parts.ts'
import { chart, type Manifest, valueSets, valuesOf } from './render.ts'

const namespace = 'loop'
const inside = ['-n', namespace]
const waited = ['--wait', '--timeout', '180s']

export async function manifests(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  for (const set of valueSets) {
    const input = await shell('helm', ['template', 'r', chart, ...valuesOf(set)], { env })
    const answer = await shell('kubectl', ['apply', '--dry-run=server', '--validate=strict', '-f', '-'], { env, input })
    say(`${set}: ${answer.trim().split('\n').length} manifests accepted under strict validation`)
  }
}

/** As deploy/kustomize/kustomization.yaml says, in a copy. */
export async function kustomized(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-kustomize-'))
  try {
    cpSync(join(root, 'deploy', 'kustomize'), folder, { recursive: true })
    const rendered = [
      'template',
      'feedloop',
      chart,
      '-n',
      'feedloop',
      '--skip-tests',
      '-f',
      join(folder, 'values.yaml'),
    ]
    writeFileSync(join(folder, 'feedloop.yaml'), await shell('helm', rendered, { env }))
    const input = await shell('kubectl', ['kustomize', folder], { env })
    const patched = input.match(/hostAliases:/g)?.length ?? 0
    assert.equal(patched, expected.length)
    await shell('kubectl', ['create', 'namespace', 'feedloop'], { env })
    await shell('kubectl', ['apply', '--dry-run=server', '--validate=strict', '-f', '-'], { env, input })
    say(`kustomize: ${patched} deployments patched, all accepted`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export async function lifecycle(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  const cluster = clusterOf(env)
  await cluster.kubectl('create', 'namespace', namespace)
  await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted')
  await installed(say, cluster)
  await upgraded(say, cluster)
  await rolledBack(say, cluster)
  await beside(say, cluster)
  await gone(say, cluster)
}

type Cluster = ReturnType<typeof clusterOf>

function clusterOf(env: NodeJS.ProcessEnv) {
  const kubectl = (...args: string[]) => shell('kubectl', args, { env })
  const get = async (...args: string[]): Promise<Manifest> =>
    JSON.parse(await kubectl('get', ...args, ...inside, '-o', 'json'))
  return {
    kubectl,
    helm: (...args: string[]) => shell('helm', [...args, ...inside], { env }),
    list: async (kinds: string): Promise<Manifest[]> => (await get(kinds)).items,
    /** The configuration that the pods read. */
    async mounted(): Promise<Config> {
      const { data } = await get('configmap', 'r-feedloop')
      const input = parse(data['feedloop.yaml'])
      if (input.kafka.sasl) input.kafka.sasl.username ??= 'of-the-pod'
      return parseConfig(input)
    },
  }
}

const expected = chartStages().filter(stage => !stage.needsSources)

async function installed(say: Say, { helm, list, mounted }: Cluster): Promise<void> {
  await helm('install', 'r', chart, ...valuesOf('minimal'), ...waited)
  const deployments = await list('deployments')
  assert.deepEqual(names(deployments), expected.map(({ stage }) => `r-feedloop-${stage}`).sort())
  const { folder } = (await mounted()).state
  for (const { stage, single } of expected) {
    const { spec, status } = deployments.find(({ metadata }) => metadata.name === `r-feedloop-${stage}`)
    assert.equal(status.availableReplicas, spec.replicas, stage)
    assert.equal(spec.strategy.type, single ? 'Recreate' : 'RollingUpdate', stage)
    const [{ securityContext, volumeMounts }] = spec.template.spec.containers
    assert.equal(securityContext.readOnlyRootFilesystem, true)
    assert.deepEqual(writable(volumeMounts), ['/tmp', folder].sort(), stage)
  }
  say(`installed: ${expected.length} stages available under the restricted standard, after the topics job`)
  say(`nothing writable but /tmp and ${folder}`)
  const budgets = await list('poddisruptionbudgets')
  for (const { metadata, status } of budgets) assert.ok(status.disruptionsAllowed >= 1, metadata.name)
  assert.equal(budgets.length, expected.filter(({ single }) => !single).length)
  say(`${budgets.length} disruption budgets, each of which lets a node be drained`)
  await helm('test', 'r', '--timeout', '60s')
  say('helm test: its job runs under the restricted standard')
}

async function upgraded(say: Say, { kubectl, helm, list, mounted }: Cluster): Promise<void> {
  const before = checksums(await list('deployments'))
  await helm('upgrade', 'r', chart, ...valuesOf('minimal'), '--set', 'config.log.level=debug', ...waited)
  assert.ok(checksums(await list('deployments')).every(sum => !before.includes(sum)))
  say('upgraded: a changed configuration rolls every stage')

  await helm('upgrade', 'r', chart, ...valuesOf('everything'), ...waited)
  const users = await list('kafkausers.kafka.strimzi.io')
  // What Strimzi's user operator and its cluster operator would make.
  for (const { metadata } of users)
    await kubectl('create', 'secret', 'generic', metadata.name, ...inside, '--from-literal=password=made-up')
  await kubectl('create', 'secret', 'generic', 'main-cluster-ca-cert', ...inside, '--from-literal=ca.crt=made-up')
  await kubectl('create', 'secret', 'generic', 'registry', ...inside)
  const deployments = await list('deployments')
  const [secrets, configs, accounts] = await Promise.all(['secrets', 'configmaps', 'serviceaccounts'].map(list))
  for (const { metadata, spec } of deployments)
    assertThere(metadata.name, spec.template.spec, { secrets, configs, accounts })
  say(
    `upgraded to everything: every secret, configuration and account that ${deployments.length} deployments name is there`,
  )

  const single = chartServices()
    .filter(stage => stage.single)
    .map(({ stage }) => `r-feedloop-${stage}`)
  for (const { metadata, spec } of deployments)
    assert.ok(single.includes(metadata.name) ? spec.replicas === 1 : spec.replicas >= 1, metadata.name)
  const scaled = await list('horizontalpodautoscalers,scaledobjects.keda.sh')
  for (const { spec } of scaled) assert.ok(names(deployments).includes(spec.scaleTargetRef.name))
  say(`learner and gate stay single; ${scaled.length} autoscalers, each with a deployment of its own`)
  const made = await list('kafkatopics.kafka.strimzi.io')
  assert.deepEqual(byTopic(made.map(specOf)), byTopic(specsOf(await mounted())))
  assert.equal((await list('servicemonitors,prometheusrules')).length, 2)
  say(
    `${made.length} KafkaTopics as \`feedloop topics apply\` makes them, ${users.length} KafkaUsers, monitor and rules`,
  )
}

function assertThere(name: string, pod: Manifest, { secrets, configs, accounts }: Record<string, Manifest[]>): void {
  assert.ok(names(accounts).includes(pod.serviceAccountName), name)
  for (const { name: pull } of pod.imagePullSecrets ?? []) assert.ok(names(secrets).includes(pull), `${name}: ${pull}`)
  for (const { configMap, secret } of pod.volumes) {
    if (configMap) assert.ok(names(configs).includes(configMap.name), `${name}: ${configMap.name}`)
    if (secret) assert.ok(names(secrets).includes(secret.secretName), `${name}: ${secret.secretName}`)
  }
}

async function rolledBack(say: Say, { helm, list, mounted }: Cluster): Promise<void> {
  await helm('rollback', 'r', '1', ...waited)
  assert.equal((await mounted()).topics.prefix, 'loop.r-feedloop.')
  assert.equal((await list('kafkausers,scaledobjects.keda.sh,horizontalpodautoscalers')).length, 0)
  for (const { metadata, spec, status } of await list('deployments'))
    assert.equal(status.availableReplicas, spec.replicas, metadata.name)
  say('rolled back to the first revision: available, without users and autoscalers')
}

async function beside(say: Say, { helm, list }: Cluster): Promise<void> {
  await helm('install', 's', chart, ...valuesOf('minimal'), ...waited)
  const stages = (release: string, all: Manifest[]) => all.filter(({ metadata }) => metadata.name.startsWith(release))
  const all = await list('deployments')
  assert.equal(stages('r-', all).length, stages('s-', all).length)
  for (const { spec, status } of all) assert.equal(status.availableReplicas, spec.replicas)
  await helm('uninstall', 's', ...waited)
  assert.equal((await list('deployments')).length, expected.length)
  say('a second release beside it in the same namespace: both available; it goes, the first stays')
}

async function gone(say: Say, { helm, list }: Cluster): Promise<void> {
  const kept = await list('kafkatopics.kafka.strimzi.io')
  await helm('uninstall', 'r', ...waited)
  const kinds = 'deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies,jobs'
  assert.deepEqual(
    names(await list(kinds)).filter(name => name.startsWith('r-feedloop')),
    [],
  )
  assert.equal((await list('kafkatopics.kafka.strimzi.io')).length, kept.length)
  assert.ok(kept.length > 0)
  say('uninstalled: only the topics stay')
}

const names = (items: readonly Manifest[]): string[] => items.map(item => item.metadata.name).sort()
const specOf = ({ spec }: Manifest): TopicSpec => ({
  topic: spec.topicName,
  partitions: spec.partitions,
  replicationFactor: spec.replicas,
  config: spec.config,
})
const byTopic = (specs: readonly TopicSpec[]) => Object.fromEntries(specs.map(spec => [spec.topic, spec]))
const writable = (mounts: readonly Manifest[]): string[] =>
  mounts
    .filter(mount => !mount.readOnly)
    .map(mount => mount.mountPath)
    .sort()
const checksums = (items: readonly Manifest[]): string[] =>
  items.map(item => item.spec.template.metadata.annotations['checksum/config'])
