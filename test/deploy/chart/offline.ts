/** What can be said of the chart without a cluster: values that are refused, references that resolve, releases that do not collide. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { chartStages } from '../../../deploy/generate/stages.ts'
import { aclsOf, type Principal } from '../../../deploy/kafka/acls.ts'
import { mustFail, type Say, shell } from '../parts.ts'
import { documented } from './documented.ts'
import { guards } from './guards.ts'
import { monitors } from './monitors.ts'
import { network } from './network.ts'
import { checkFiles, checkReferences, checkTriggers, foreignSecrets } from './references.ts'
import { chart, configOf, type Manifest, named, ofKind, render, valueSets, valuesOf } from './render.ts'

/** As src/commands/run.ts has it. */
const DRAIN_SECONDS = 20

export async function offline(say: Say, PATH: string): Promise<void> {
  for (const set of valueSets) await shell('helm', ['lint', '--strict', chart, ...valuesOf(set)], { env: { PATH } })
  say(`helm lint --strict: ${valueSets.join(', ')}`)
  await refusals(say, PATH)
  for (const set of valueSets) await resolves(say, PATH, set)
  await doors(say, PATH)
  await guards(say, PATH)
  await network(say, PATH)
  await scales(say, PATH)
  await rights(say, PATH)
  await apart(say, PATH)
  await monitors(say, PATH)
  await documented(say, PATH)
}

async function refusals(say: Say, PATH: string): Promise<void> {
  const refused: [string, string, RegExp][] = [
    ['minimal', 'unknown=1', /unknown/],
    ['minimal', 'kafka.sasl.password=secret', /password/],
    ['minimal', 'config.topics.partition=8', /partition/],
    ['minimal', 'stages.learner.replicas=2', /replicas/],
    ['minimal', 'stages.learner.autoscaling.by=cpu', /autoscaling/],
    ['minimal', 'stages.gateway.autoscaling.by=lag', /by/],
    ['minimal', 'stages.rankr.replicas=2', /rankr/],
    ['minimal', 'topics.mode=by-hand', /mode/],
    ['minimal', 'monitoring.prometheusRule.thresholds.freshnessSeconds=7', /freshnessSeconds/],
    ['minimal', 'monitoring.prometheusRule.disabled={FeedloopRivls}', /disabled/],
    ['minimal', 'gatewayDrainSeconds=11', /more than terminationGracePeriodSeconds/],
    ['minimal', 'kafka.sasl.mechanism=plain', /kafka\.sasl\.existingSecret/],
    ['minimal', 'registry.existingSecret=mine', /config\.registry\.url/],
    ['scram', 'stages.joiner.autoscaling.maxReplicas=5', /more than the 4 partitions/],
    ['everything', 'topics.mode=job', /no KafkaUser is/],
    ['oauth', 'kafka.kedaAuthentication=', /kedaAuthentication/],
    ['mtls', `fullnameOverride=${'x'.repeat(49)}`, /64 characters/],
  ]
  for (const [set, value, reason] of refused)
    await mustFail(reason, 'helm', ['template', 'r', chart, ...valuesOf(set), '--set', value], { PATH })
  await mustFail(/kafka\.brokers/, 'helm', ['template', 'r', chart], { PATH })
  say(`${refused.length + 1} wrong values refused, each with its reason`)
}

async function resolves(say: Say, PATH: string, set: string): Promise<void> {
  const all = await render('r', set, PATH)
  const values = parse(readFileSync(join(chart, 'ci', `${set}-values.yaml`), 'utf8'))
  const followed = checkReferences(all, foreignSecrets(all, values))
  const files = checkFiles(all)
  const { env } = ofKind(all, 'Deployment')[0].spec.template.spec.containers[0]
  const triggers = checkTriggers(all, configOf(all, env))
  say(`${set}: ${all.length} manifests, ${followed} references, ${files} files and ${triggers} triggers resolve`)
}

/** Callers find gateways that can answer, and gateways the rankers. */
async function doors(say: Say, PATH: string): Promise<void> {
  const minimal = (...set: string[]) => render('r', 'minimal', PATH, ...set)
  const rankersOf = async (...set: string[]) => configOf(await minimal(...set)).gateway.rankers
  const all = await minimal('config.http.port=9000')
  const { clusterIP, publishNotReadyAddresses, ports } = named(all, 'Service', 'r-feedloop-ranker').spec
  assert.deepEqual([clusterIP, publishNotReadyAddresses, ports[0].port], ['None', true, 9000])
  assert.deepEqual(configOf(all).gateway.rankers, ['http://r-feedloop-ranker:9000'])
  assert.deepEqual(await rankersOf('config.gateway.timeoutMs=500'), ['http://r-feedloop-ranker:9464'])
  assert.deepEqual(await rankersOf('config.gateway.rankers={http://mine:1}'), ['http://mine:1'])
  assert.deepEqual(await rankersOf('stages.ranker.enabled=false'), [])
  say('gateways know where the rankers are')
  for (const { metadata, spec } of ofKind(all, 'Deployment')) {
    const { containers, terminationGracePeriodSeconds: graceSeconds } = spec.template.spec
    const [{ lifecycle, livenessProbe, readinessProbe, startupProbe }] = containers
    const seconds = lifecycle?.preStop.sleep.seconds
    assert.equal(seconds, metadata.name === 'r-feedloop-gateway' ? 5 : undefined, metadata.name)
    assert.ok((seconds ?? 0) + DRAIN_SECONDS < graceSeconds)
    const paths = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)
    // what /livez answers does not depend on Kafka: test/operate
    assert.deepEqual(paths, ['/livez', '/livez', '/readyz'])
  }
  say('a gateway answers until it is off its Service, then drains; only readiness waits for Kafka')
}

/** More replicas than partitions stand idle, where it is our partitions that a stage shares out. */
async function scales(say: Say, PATH: string): Promise<void> {
  const stages = chartStages().filter(({ single }) => !single)
  for (const { stage, reads } of stages) {
    const values = ['enabled=true', 'autoscaling.by=cpu', 'autoscaling.maxReplicas=24']
    const made = render('r', 'everything', PATH, ...values.map(each => `stages.${stage}.${each}`))
    if (reads.length > 0) await assert.rejects(made, /more than the 12 partitions/, stage)
    else assert.equal(named(await made, 'HorizontalPodAutoscaler', `r-feedloop-${stage}`).spec.maxReplicas, 24)
  }
  say(`of ${stages.length} stages those that share out our partitions scale no further than those`)
}

/** KafkaUsers are what the brokers of the security tests are told (test/deploy/acls.test.ts). */
async function rights(say: Say, PATH: string): Promise<void> {
  const all = await render('r', 'everything', PATH)
  const users = ofKind(all, 'KafkaUser')
  for (const { metadata, spec } of users) {
    const stage: Principal = metadata.labels['app.kubernetes.io/component']
    const rendered = spec.authorization.acls.map(({ resource, operations }: Manifest) => ({
      resource: resource.type,
      name: resource.name,
      pattern: resource.patternType,
      operations,
    }))
    const { env } = named(all, 'Deployment', `r-feedloop-${stage}`).spec.template.spec.containers[0]
    assert.deepEqual(rendered, aclsOf(stage, configOf(all, env)), stage)
    assert.equal(env[0].value, metadata.name)
  }
  assert.equal(users.length, ofKind(all, 'Deployment').length)
  say(`${users.length} KafkaUsers, each with the rights of its row of the pipeline, one a deployment`)
}

/** Two releases in one namespace; two of one name, in two namespaces: on one Kafka, whose users are of one namespace. */
async function apart(say: Say, PATH: string): Promise<void> {
  const [one, other] = await Promise.all(['one', 'two'].map(release => render(release, 'minimal', PATH)))
  const idsOf = (all: readonly Manifest[]) => all.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  assert.deepEqual(
    idsOf(one).filter(id => idsOf(other).includes(id)),
    [],
  )
  const labels = ofKind(other, 'Deployment').map(({ spec }) => spec.template.metadata.labels)
  for (const { kind, metadata, spec } of one) {
    const selector =
      spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels ?? (kind === 'Service' && spec.selector)
    if (!selector) continue
    const strays = labels.filter(each => Object.entries(selector).every(([key, value]) => each[key] === value))
    assert.deepEqual(strays, [], `${kind} ${metadata.name} selects pods of the other release`)
  }
  const prefixes = [one, other].map(all => configOf(all).topics.prefix)
  assert.deepEqual(prefixes, ['default.one-feedloop.', 'default.two-feedloop.'])
  say('two releases in one namespace share no name, no pod, no topic and no group')
  const onKafka = async (release: string) => {
    const users = ['kafka.users.mode=strimzi', 'topics.mode=strimzi', 'topics.strimziNamespace=kafka']
    const all = await render(release, 'minimal', PATH, ...users)
    return ofKind(all, 'KafkaUser', 'KafkaTopic').map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  }
  const ids = (await Promise.all(['staging/r', 'prod/r', 'prod/b', 'prod-b/feedloop'].map(onKafka))).flat()
  assert.equal(new Set(ids).size, ids.length)
  say(`on one Kafka four releases of three namespaces share no topic and no user: ${ids.length} of them`)
}
