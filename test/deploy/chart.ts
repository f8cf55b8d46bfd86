/** The chart on a real Kubernetes API server: refused and accepted values, every manifest, install, upgrade, uninstall. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { type Alert, thresholds } from '../../deploy/generate/alerts/alert.ts'
import { alertRules } from '../../deploy/generate/alerts/rules.ts'
import { dashboards } from '../../deploy/generate/dashboards/dashboards.ts'
import { chartStages } from '../../deploy/generate/stages.ts'
import { specsOf } from '../../src/commands/topics.ts'
import { type Config, parseConfig } from '../../src/config.ts'
import type { TopicSpec } from '../../src/log/log.ts'
import { has, kubernetesTools, mustFail, type Part, root, type Say, shell, toolsFolder } from './parts.ts'

const chart = join(root, 'deploy', 'helm', 'feedloop')
const values = (name: string) => ['-f', join(chart, 'ci', `${name}.yaml`)]

export const chartPart: Part = {
  name: 'chart',
  async run(say) {
    const PATH = await kubernetesTools()
    await offline(say, { PATH })
    await onServer(say, PATH)
  },
}

async function offline(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  for (const name of ['minimal', 'everything'])
    await shell('helm', ['lint', '--strict', chart, ...values(name)], { env })
  say('helm lint --strict, two sets of values')
  const refused: [string, RegExp][] = [
    ['unknown=1', /unknown/],
    ['config.topics.partition=8', /partition/],
    ['stages.learner.replicas=2', /replicas/],
    ['stages.rankr.replicas=2', /rankr/],
    ['topics.mode=by-hand', /mode/],
    ['monitoring.prometheusRule.thresholds.freshnessSeconds=7', /freshnessSeconds/],
    ['monitoring.prometheusRule.disabled={FeedloopRivls}', /disabled/],
    ['gatewayDrainSeconds=11', /more than terminationGracePeriodSeconds/],
  ]
  for (const [value, reason] of refused)
    await mustFail(reason, 'helm', ['template', 'r', chart, ...values('minimal'), '--set', value], env)
  await mustFail(/kafka\.brokers/, 'helm', ['template', 'r', chart], env)
  say(`${refused.length + 1} wrong values refused, each with its reason`)
  await doors(say, env)
  await monitors(say, env)
}

/** Alerts by the values, dashboards by their names. */
async function monitors(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  const set = ['thresholds.lagSeconds=7', 'disabled={FeedloopRivals}', 'runbookBase=https://books.example/']
  const chosen = set.flatMap(each => ['--set', `monitoring.prometheusRule.${each}`])
  const text = await shell('helm', ['template', 'r', chart, ...values('everything'), ...chosen], { env })
  const all: Manifest[] = parseAllDocuments(text).map(document => document.toJS())
  const { groups } = all.find(manifest => manifest?.kind === 'PrometheusRule').spec
  const rules: Alert[] = groups.flatMap((group: Manifest) => group.rules)
  const expected = alertRules({ ...thresholds, lagSeconds: 7 }).flatMap(group => group.rules)
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

/** Callers find gateways that can answer, and gateways the rankers. */
async function doors(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  const render = async (...set: string[]): Promise<Manifest[]> => {
    const args = ['template', 'r', chart, ...values('minimal'), ...set.flatMap(each => ['--set', each])]
    const documents = parseAllDocuments(await shell('helm', args, { env }))
    return documents.map(document => document.toJS()).filter(Boolean)
  }
  const configOf = (all: readonly Manifest[]): Config =>
    parseConfig(
      parse(all.find(({ kind, data }) => kind === 'ConfigMap' && data?.['feedloop.yaml'])!.data!['feedloop.yaml']!),
    )
  const rankersOf = async (...set: string[]) => configOf(await render(...set)).gateway.rankers

  const all = await render('config.http.port=9000')
  const service = all.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'r-feedloop-ranker')!
  const { clusterIP, publishNotReadyAddresses, ports } = service.spec
  assert.deepEqual([clusterIP, publishNotReadyAddresses, ports[0].port], ['None', true, 9000])
  const scraped = all.filter(
    ({ kind, spec }) => kind === 'Service' && spec.ports.some((port: Manifest) => port.name === 'http'),
  )
  assert.equal(scraped.length, 1, 'metrics are scraped once')
  assert.deepEqual(configOf(all).gateway.rankers, ['http://r-feedloop-ranker:9000'])
  assert.deepEqual(await rankersOf('config.gateway.timeoutMs=500'), ['http://r-feedloop-ranker:9464'])
  assert.deepEqual(await rankersOf('config.gateway.rankers={http://mine:1}'), ['http://mine:1'])
  assert.deepEqual(await rankersOf('stages.ranker.enabled=false'), [])
  say('gateways know where the rankers are')

  for (const { metadata, spec } of all.filter(({ kind }) => kind === 'Deployment')) {
    const { containers, terminationGracePeriodSeconds: graceSeconds } = spec.template.spec
    const [, seconds] = containers[0].lifecycle?.preStop.exec.command ?? []
    assert.equal(seconds, metadata.name === 'r-feedloop-gateway' ? '5' : undefined, metadata.name)
    assert.ok(Number(seconds ?? 0) + DRAIN_SECONDS < graceSeconds)
  }
  say('a gateway answers until it is off its Service, then drains')
}

async function onServer(say: Say, PATH: string): Promise<void> {
  const script = join(toolsFolder, 'kube-up.sh')
  if (!existsSync(script))
    throw new Error(
      `no Kubernetes API server: ${script} starts one; FEEDLOOP_TOOLS names its folder (or --only another part)`,
    )
  for (const [command, where] of [
    ['etcd', 'Debian: etcd-server'],
    ['go', 'go.dev'],
    ['openssl', 'openssl'],
  ])
    if (!(await has(command)))
      throw new Error(`no ${command}, which the API server's script needs (${where}), or --only another part`)
  const state = mkdtempSync(join(tmpdir(), 'feedloop-kube-'))
  const env = { PATH, KUBE_STATE: state, KUBECONFIG: join(state, 'admin.kubeconfig') }
  try {
    await shell('bash', [script, 'up'], { env })
    say(`Kubernetes ${await serverVersion(env)}`)
    await manifests(say, env)
    await lifecycle(say, env)
  } finally {
    await shell('bash', [script, 'down'], { env })
    rmSync(state, { recursive: true, force: true })
  }
}

const serverVersion = async (env: NodeJS.ProcessEnv): Promise<string> =>
  JSON.parse(await shell('kubectl', ['version', '-o', 'json'], { env })).serverVersion.gitVersion

async function manifests(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  for (const name of ['minimal', 'everything']) {
    const input = await shell('helm', ['template', 'r', chart, ...values(name)], { env })
    const answer = await shell('kubectl', ['apply', '--dry-run=server', '--validate=strict', '-f', '-'], { env, input })
    say(`${name}: ${answer.trim().split('\n').length} manifests accepted under strict validation`)
  }
}

/** The whole life of a release in a namespace that enforces the restricted Pod Security standard. */
async function lifecycle(say: Say, env: NodeJS.ProcessEnv): Promise<void> {
  const namespace = 'loop'
  const inside = ['-n', namespace]
  const restricted = 'pod-security.kubernetes.io/enforce=restricted'
  await shell('kubectl', ['create', 'namespace', namespace], { env })
  await shell('kubectl', ['label', 'namespace', namespace, restricted], { env })
  const helm = (...args: string[]) => shell('helm', [...args, ...inside], { env })
  const list = async (...args: string[]) =>
    JSON.parse(await shell('kubectl', ['get', ...args, ...inside, '-o', 'json'], { env })).items
  /** The configuration that the pods read. */
  const mounted = async (): Promise<Config> => {
    const text = await shell('kubectl', ['get', 'configmap', 'r-feedloop', ...inside, '-o', 'json'], { env })
    return parseConfig(parse(JSON.parse(text).data['feedloop.yaml']))
  }
  const waited = ['--wait', '--timeout', '180s']

  await helm('install', 'r', chart, ...values('minimal'), ...waited)
  const expected = chartStages().filter(stage => !stage.needsSources)
  const installed = await list('deployments')
  assert.deepEqual(names(installed), expected.map(({ stage }) => `r-feedloop-${stage}`).sort())
  const { folder } = (await mounted()).state
  for (const { stage, single } of expected) {
    const { spec } = installed.find((each: Named) => each.metadata.name === `r-feedloop-${stage}`)
    assert.equal(spec.strategy.type, single ? 'Recreate' : 'RollingUpdate', stage)
    const [{ securityContext, volumeMounts }] = spec.template.spec.containers
    assert.equal(securityContext.readOnlyRootFilesystem, true)
    assert.deepEqual(writable(volumeMounts), ['/tmp', folder].sort(), stage)
  }
  say(`installed: ${expected.length} stages available under the restricted standard, after the topics job`)
  say(`nothing writable but /tmp and ${folder}`)

  const before = checksums(installed)
  await helm('upgrade', 'r', chart, ...values('minimal'), '--set', 'config.log.level=debug', ...waited)
  assert.ok(checksums(await list('deployments')).every(sum => !before.includes(sum)))
  say('upgraded: a changed configuration rolls every stage')

  await helm('upgrade', 'r', chart, ...values('everything'), ...waited)
  const single = expected.filter(stage => stage.single).map(({ stage }) => `r-feedloop-${stage}`)
  for (const { metadata, spec } of (await list('deployments')) as Deployment[])
    assert.ok(single.includes(metadata.name) ? spec.replicas === 1 : spec.replicas > 1, metadata.name)
  say('upgraded to two replicas a stage: learner and gate stay single')
  const made = await list('kafkatopics.kafka.strimzi.io')
  assert.deepEqual(byTopic(made.map(specOf)), byTopic(specsOf(await mounted())))
  assert.equal((await list('servicemonitors,prometheusrules')).length, 2)
  say(`upgraded to Strimzi: ${made.length} KafkaTopics as \`feedloop topics apply\` makes them, monitor and rules`)

  await helm('uninstall', 'r', ...waited)
  assert.deepEqual(names(await list('deployments,services,configmaps,serviceaccounts')).filter(ours), [])
  assert.equal((await list('kafkatopics.kafka.strimzi.io')).length, made.length)
  say('uninstalled: only the topics stay')
}

// biome-ignore lint/suspicious/noExplicitAny: what was rendered is what is tested
type Manifest = any

/** As src/commands/run.ts has it. */
const DRAIN_SECONDS = 20

interface Named {
  readonly metadata: { readonly name: string }
}
interface Deployment extends Named {
  readonly spec: {
    readonly replicas: number
    readonly template: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } }
  }
}
interface KafkaTopic extends Named {
  readonly spec: {
    readonly topicName: string
    readonly partitions: number
    readonly replicas: number
    readonly config: Readonly<Record<string, string>>
  }
}
interface Mount {
  readonly mountPath: string
  readonly readOnly?: boolean
}
const names = (items: readonly Named[]) => items.map(item => item.metadata.name).sort()
const specOf = ({ spec }: KafkaTopic): TopicSpec => ({
  topic: spec.topicName,
  partitions: spec.partitions,
  replicationFactor: spec.replicas,
  config: spec.config,
})
const byTopic = (specs: readonly TopicSpec[]) => Object.fromEntries(specs.map(spec => [spec.topic, spec]))
const writable = (mounts: readonly Mount[]) =>
  mounts
    .filter(mount => !mount.readOnly)
    .map(mount => mount.mountPath)
    .sort()
const ours = (name: string) => name.startsWith('r-feedloop')
const checksums = (items: readonly Deployment[]) =>
  items.map(item => item.spec.template.metadata.annotations['checksum/config'])
