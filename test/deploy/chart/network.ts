/** What the release's network policy lets out, and whom it holds for. */
import assert from 'node:assert/strict'
import type { Say } from '../parts.ts'
import { configOf, type Manifest, named, ofKind, render } from './render.ts'

/** All that a configuration names by URL, each at a port of its own. */
const urls = [
  'config.registry.url=https://registry.example',
  'config.features.endpoint.url=http://vectors.example',
  'config.tracing.endpoint=http://collector.example:4318',
  'config.gateway.rankers={http://elsewhere.example:9000}',
  'config.kafka.sasl.mechanism=oauthbearer',
  'config.kafka.sasl.tokenUrl=https://login.example:8443/token',
  'config.kafka.sasl.clientId=feedloop',
  'config.kafka.sasl.clientSecretFile=/etc/mine/secret',
]

export async function network(say: Say, PATH: string): Promise<void> {
  const all = await render('r', 'minimal', PATH, ...urls)
  const { podSelector, egress } = named(all, 'NetworkPolicy', 'r-feedloop').spec
  const wanted = [...portsIn(configOf(all))]
  assert.deepEqual(wanted.sort(), [4318, 443, 80, 8443, 9000])
  const anywhere = egress.filter((rule: Manifest) => rule.to === undefined).flatMap((rule: Manifest) => rule.ports)
  for (const port of [...wanted, 9092])
    assert.ok(
      anywhere.some((rule: Manifest) => rule.protocol === 'TCP' && rule.port === port),
      `${port} is shut`,
    )
  say(`what the configuration names by URL is let out: ports ${wanted.join(', ')}, and the brokers'`)
  const held = (kind: string) =>
    ofKind(all, kind).map(({ spec }) => selects(podSelector, spec.template.metadata.labels))
  assert.ok(held('Deployment').every(Boolean))
  const [job] = ofKind(all, 'Job').filter(({ metadata }) => metadata.name === 'r-feedloop-topics')
  assert.ok(!selects(podSelector, job.spec.template.metadata.labels), 'a hook, held by what is no hook')
  say('the policy holds for every service, and not for the topics job, which runs before it')
}

function portsIn(value: unknown): Set<number> {
  const texts = JSON.stringify(value).match(/https?:\/\/[^"]+/g) ?? []
  const port = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return new Set(texts.map(text => port(new URL(text))))
}

const selects = ({ matchLabels, matchExpressions = [] }: Manifest, labels: Record<string, string>): boolean =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, operator, values }: Manifest) => {
    assert.equal(operator, 'NotIn')
    return !values.includes(labels[key])
  })
