/**
 * The loop on a broker that asks everybody for TLS, a SCRAM login and rights, as the chart makes them: each service can do its
 * row of src/pipeline.ts and nothing else, no door answers who is unknown, and a million fuzzed records pass.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { stringify } from 'yaml'
import { type Acl, aclsOf, type Principal, principals } from '../../deploy/kafka/acls.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { FeedloopError } from '../../src/errors.ts'
import { createClient } from '../../src/gateway/client.ts'
import { HEARTBEAT } from '../../src/heartbeat.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { loginOf } from '../../src/log/kafka/login.ts'
import type { Log } from '../../src/log/log.ts'
import { groupName, intakeGroup, pipeline, type TopicName, topicName, topics } from '../../src/pipeline.ts'
import { passwordOf, type SecuredBroker, startSecuredBroker } from '../security/broker.ts'
import { type Part, root, type Say, shell } from './parts.ts'

const SHOP = 'shop.clicks'
const token = 'a-token-of-the-security-part'
/** All that runs as long as the loop does: the stages, and who watches over them. */
type ServiceName = Exclude<Principal, 'topics'>
const services = principals.filter((each): each is ServiceName => each !== 'topics')

export const securityPart: Part = {
  name: 'security',
  async run(say) {
    const folder = mkdtempSync(join(tmpdir(), 'feedloop-security-'))
    const broker = await startSecuredBroker(principals)
    try {
      const configs = new Map(principals.map(each => [each, configOf(each, broker, folder)]))
      await prepare(say, broker, configs)
      await rows(say, configs)
      await together(say, broker, configs)
    } finally {
      await broker.stop()
      rmSync(folder, { recursive: true })
    }
    await suite('test/security/logins-kafka.test.ts')
    say('wrong password, expired certificate, untrusted authority, no client certificate: one line and exit code 1')
    const count = process.env.FEEDLOOP_FUZZ ?? '1000000'
    const fuzzed = await shell(process.execPath, [join(root, 'test/security/fuzz.ts'), count], { timeoutMs: 3_600_000 })
    say(`fuzzed: nothing ended, nothing valid was lost, the accounts balance: ${fuzzed.trim()}`)
  },
}

const suite = (file: string): Promise<string> => shell(process.execPath, ['--test', join(root, file)])

interface Own {
  readonly file: string
  readonly config: Config
}
type Configs = ReadonlyMap<Principal, Own>

function configOf(user: Principal, broker: SecuredBroker, folder: string): Own {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, `${user}-${name}`), text)
    return join(folder, `${user}-${name}`)
  }
  const door = { host: '127.0.0.1', port: 0, tokensFile: file('tokens', token) }
  const path = file(
    'feedloop.yaml',
    stringify({
      kafka: {
        brokers: [broker.secure],
        tls: { caFile: broker.authority.caFile },
        sasl: { mechanism: 'scram-sha-512', username: user, passwordFile: file('password', passwordOf(user)) },
      },
      topics: { partitions: 2 },
      step: { progressMs: 500 },
      heartbeat: { everyMs: 1000 },
      http: { ...door, openProbes: false },
      gateway: door,
      sources: [
        {
          topic: SHOP,
          format: 'json',
          to: 'events',
          fields: {
            event_id: { path: 'id' },
            user_id: { path: 'user' },
            type: { constant: 'click' },
            time_ms: { path: 'at' },
          },
        },
      ],
    }),
  )
  return { file: path, config: loadConfig(path, {}) }
}

const silent = pino({ level: 'silent' })
const open = ({ config: { kafka } }: Own): Promise<Log> =>
  openKafkaLog({ brokers: kafka.brokers, clientId: 'test', ...loginOf(kafka), logger: silent })

async function prepare(say: Say, broker: SecuredBroker, configs: Configs): Promise<void> {
  for (const [user, { config }] of configs) await broker.grant(user, aclsOf(user, config))
  const plain = await openKafkaLog({ brokers: [broker.plain], clientId: 'test', logger: silent })
  await plain.createTopics([{ topic: SHOP, partitions: 1, replicationFactor: 1, config: {} }])
  await plain.close()
  await shell(process.execPath, ['src/main.ts', 'topics', 'apply', '--config', configs.get('topics')!.file])
  say('the topics job makes the topics with its own user')
}

/** Every service at every topic and group: what it may, and that it may nothing else. Writes that are allowed are left to the services themselves. */
async function rows(say: Say, configs: Configs): Promise<void> {
  let allowed = 0
  let refused = 0
  for (const stage of services) {
    const own = configs.get(stage)!
    const may = grantsOf(aclsOf(stage, own.config))
    const log = await open(own)
    const expect = async (what: string, is: boolean, work: () => Promise<unknown>): Promise<void> => {
      const outcome = await work().then(
        () => 'done',
        error => (error instanceof FeedloopError ? error.code : String(error)),
      )
      assert.equal(outcome, is ? 'done' : 'LOG_FORBIDDEN', `${stage}: ${what}`)
      if (is) allowed++
      else refused++
    }
    try {
      for (const name of [...(Object.keys(topics) as TopicName[]).map(each => topicName('feedloop.', each)), SHOP]) {
        await expect(`read ${name}`, may('topic', name, 'Read'), () => log.read(name, 0, 0))
        const writes = may('topic', name, 'Write')
        if (!writes) await expect(`write ${name}`, false, () => log.append(name, 0, [{ key: null, value: null }]))
        await expect(`describe ${name}`, writes || may('topic', name, 'Read'), () => log.partitionCount(name))
      }
      const readable =
        (Object.keys(topics) as TopicName[])
          .map(each => topicName('feedloop.', each))
          .find(name => may('topic', name, 'Read')) ?? SHOP
      for (const group of groups)
        await expect(`group ${group}`, may('group', group, 'Read'), () => log.committed(group, readable))
      const mine = { topic: 'feedloop.mine', partitions: 1, replicationFactor: 1, config: {} }
      await expect('create a topic', false, () => log.createTopics([mine]))
    } finally {
      await log.close()
    }
  }
  say(
    `${services.length} services at every topic and group: ${allowed} calls within their rows, ${refused} outside of them refused`,
  )
}

const groups: readonly string[] = [
  ...new Set(pipeline.flatMap(({ stage, reads }) => reads.map(topic => groupName('feedloop.', stage, topic)))),
  intakeGroup('feedloop.', SHOP),
]

const grantsOf =
  (acls: readonly Acl[]) =>
  (resource: Acl['resource'], name: string, operation: 'Read' | 'Write'): boolean =>
    acls.some(
      acl =>
        acl.resource === resource &&
        (acl.pattern === 'literal' ? acl.name === name : name.startsWith(acl.name)) &&
        acl.operations.includes(operation),
    )

interface Service {
  readonly stage: ServiceName
  readonly child: ChildProcess
  readonly text: () => string
}

async function together(say: Say, broker: SecuredBroker, configs: Configs): Promise<void> {
  const running = services.map(stage => start(stage, configs.get(stage)!.file))
  try {
    for (const service of running) await untilReady(service)
    say(`${running.length} services, each a process with its own user, all ready`)
    await locked(say, running)
    await traffic(say, running.find(({ stage }) => stage === 'gateway')!, broker)
    await watched(say, running.find(({ stage }) => stage === 'watch')!)
  } finally {
    for (const { child } of running) child.kill('SIGTERM')
    await Promise.all(
      running.map(({ child }) => child.exitCode ?? new Promise(resolve => child.once('close', resolve))),
    )
  }
  for (const { stage, text, child } of running) {
    assert.equal(child.exitCode, 0, `${stage}: ${text()}`)
    for (const user of principals) assert.ok(!text().includes(passwordOf(user)) && !text().includes(token), stage)
    assert.doesNotMatch(text(), /LOG_FORBIDDEN|AUTHORIZATION_FAILED/, stage)
  }
  say('all ended with exit code 0; no log line holds a password, a token or a missing right')
}

function start(stage: ServiceName, config: string): Service {
  const { KAFKA_BROKERS: _, ...env } = process.env
  const command = stage === 'watch' ? ['watch'] : ['run', stage]
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...command, '--config', config], { env })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
  return { stage, child, text: () => text }
}

const portIn = async ({ stage, child, text }: Service, name: string): Promise<number> => {
  for (;;) {
    const found = new RegExp(`"${name}":(\\d+)`).exec(text())
    if (found) return Number(found[1])
    if (child.exitCode !== null) throw new Error(`${stage} ended: ${text()}`)
    await sleep(50)
  }
}
const known = { authorization: `Bearer ${token}` }

async function untilReady(service: Service): Promise<void> {
  const url = `http://127.0.0.1:${await portIn(service, 'port')}/readyz`
  let said = ''
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(200)) {
    if (service.child.exitCode !== null) throw new Error(`${service.stage} ended: ${service.text()}`)
    const answer = await fetch(url, { headers: known })
    if (answer.ok) return
    said = await answer.text()
  }
  throw new Error(`${service.stage} is not ready: ${said}`)
}

async function locked(say: Say, running: readonly Service[]): Promise<void> {
  let calls = 0
  const refused = async (url: string, method = 'GET'): Promise<void> => {
    for (const headers of [{}, { authorization: 'Bearer of-another-token' }] as Record<string, string>[]) {
      const answer = await fetch(url, { method, headers })
      assert.deepEqual(
        [answer.status, ((await answer.json()) as { code: string }).code],
        [401, 'HTTP_UNAUTHENTICATED'],
        url,
      )
      calls++
    }
  }
  for (const service of running) {
    const url = `http://127.0.0.1:${await portIn(service, 'port')}`
    for (const path of ['/livez', '/readyz', '/metrics', '/v1/users/ann/state', '/nowhere']) await refused(url + path)
  }
  const gateway = `http://127.0.0.1:${await portIn(running.find(({ stage }) => stage === 'gateway')!, 'gatewayPort')}`
  for (const path of ['/v1/recommendations', '/v1/events', '/v1/items']) await refused(gateway + path, 'POST')
  await refused(`${gateway}/v1/items/a`, 'DELETE')
  for (const path of ['/v1/users/ann/state', '/openapi.json', '/nowhere']) await refused(gateway + path)
  say(`every endpoint of every door without a token, or with another: ${calls} calls refused with 401`)
}

/** What goes all the way round: items to features, requests to decisions, outcomes to a version that serves. */
async function traffic(say: Say, gateway: Service, broker: SecuredBroker): Promise<void> {
  const url = `http://127.0.0.1:${await portIn(gateway, 'gatewayPort')}`
  const client = createClient({ url, token, timeoutMs: 10_000 })
  await client.publish(['a', 'b', 'c'].map(item_id => ({ item_id, text: item_id })))
  const plain = await openKafkaLog({ brokers: [broker.plain], clientId: 'test', logger: silent })
  const ends = async (topic: TopicName) => (await plain.ends(topicName('feedloop.', topic), 0)).latest
  // Heartbeats have versions of their own.
  const releasedSince = async (offset: number) =>
    (await plain.read(topicName('feedloop.', 'releases'), 0, offset)).some(
      ({ key }) => key !== null && key.toString() !== HEARTBEAT,
    )
  try {
    const before = await ends('releases')
    const end = Date.now() + 120_000
    for (let n = 0; !(await releasedSince(before)) || n < 100; n++) {
      assert.ok(Date.now() < end, 'no release within two minutes')
      const answer = await client.recommend({ user_id: `user-${n % 7}`, slots: 1 })
      assert.ok(answer.logged)
      const { user_id, decision_id, session_id, items } = answer
      if (items[0]) await client.tell([{ user_id, session_id, decision_id, type: 'click', item_id: items[0] }])
      const bought = JSON.stringify({ id: `shop-${n}`, user: user_id, at: Date.now() })
      await plain.append(SHOP, 0, [{ key: null, value: Buffer.from(bought) }])
    }
    for (const topic of ['features', 'models', 'dead-letters'] as const) assert.ok((await ends(topic)) >= 0, topic)
    say('decisions, outcomes and mapped events went round to a version that serves')
  } finally {
    await plain.close()
  }
}

/** What it has a right to, done: it sent heartbeats, and its first audit read all topics. */
async function watched(say: Say, service: Service): Promise<void> {
  const url = `http://127.0.0.1:${await portIn(service, 'port')}/metrics`
  const shown = async (): Promise<string> => (await fetch(url, { headers: known })).text()
  const wanted = [/^feedloop_heartbeats_sent_total [1-9]/m, /^feedloop_accounting_timestamp_seconds [1-9]/m]
  for (const end = Date.now() + 60_000; ; await sleep(200)) {
    const metrics = await shown()
    if (wanted.every(each => each.test(metrics))) break
    assert.ok(Date.now() < end, `neither audited nor sent: ${service.text()}`)
  }
  say('watch sends heartbeats and audits with the rights of its row')
}
