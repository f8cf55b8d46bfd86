/** Every configuration that ships with the project is one that the project accepts. */
import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDocument } from 'yaml'
import { type environmentOverrides, loadConfig, parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const shipped = globSync(['examples/**/feedloop*.yaml', 'deploy/feedloop.yaml'], { cwd: root })

describe('shipped configurations', () => {
  test('there are some', () => assert.ok(shipped.length > 0))
  for (const file of shipped) test(file, () => assert.ok(loadConfig(join(root, file), {})))
  test("the chart's default", () => {
    const values = parseDocument(readFileSync(join(root, 'deploy/helm/feedloop/values.yaml'), 'utf8')).toJS()
    assert.ok(parseConfig(values.config))
  })
})

describe('the environment', () => {
  const values: Record<
    keyof typeof environmentOverrides,
    [string, (config: ReturnType<typeof loadConfig>) => unknown, unknown]
  > = {
    KAFKA_BROKERS: ['a:1, b:2', config => config.kafka.brokers, ['a:1', 'b:2']],
    KAFKA_USERNAME: ['shop', config => config.kafka.sasl?.username, 'shop'],
    FEEDLOOP_TOPIC_PREFIX: ['x.', config => config.topics.prefix, 'x.'],
    FEEDLOOP_REGISTRY_URL: ['http://r', config => config.registry.url, 'http://r'],
    FEEDLOOP_HTTP_PORT: ['0', config => config.http.port, 0],
    FEEDLOOP_GATEWAY_PORT: ['0', config => config.gateway.port, 0],
    FEEDLOOP_LOG_LEVEL: ['warn', config => config.log.level, 'warn'],
  }
  const file = join(mkdtempSync(join(tmpdir(), 'feedloop-config-')), 'feedloop.yaml')
  writeFileSync(file, 'kafka: { sasl: { mechanism: plain, username: nobody, passwordFile: /dev/null } }')
  after(() => rmSync(dirname(file), { recursive: true }))
  for (const [name, [value, read, expected]] of Object.entries(values))
    test(`${name} overrides the file`, () => assert.deepEqual(read(loadConfig(file, { [name]: value })), expected))
  test('an empty variable overrides nothing', () => {
    assert.equal(loadConfig(undefined, { FEEDLOOP_TOPIC_PREFIX: '' }).topics.prefix, 'feedloop.')
  })
})

describe('a bad configuration', () => {
  const refused: [string, unknown, RegExp[]][] = [
    ['an unknown key, at the top', { kafkas: {} }, [/kafkas/]],
    ['an unknown key, deep', { policies: [{ explorer: { tau: 1 } }] }, [/policies\.0\.explorer.*tau/]],
    [
      'all problems in one message',
      { http: { port: -1 }, topics: { partitions: 0 } },
      [/http\.port/, /topics\.partitions/],
    ],
    ['a wait beyond the longest', { gateway: { timeoutMs: 2000, maxTimeoutMs: 1000 } }, [/gateway\.timeoutMs/]],
    [
      'an unlogged answer that would be learned',
      { gateway: { unlogged: 'baseline', defer: false } },
      [/gateway\.defer/],
    ],
    ['two policies of one name', { policies: [{}, {}] }, [/unique/]],
    ['windows that contradict', { policies: [{ correctionWindowMs: 1 }] }, [/correctionWindowMs/]],
    ['an encoder without its folder', { features: { encoder: 'onnx' } }, [/features\.onnx\.folder/]],
    ['not an object', 'yes', [/\(top\)/]],
  ]
  for (const [name, input, messages] of refused)
    test(name, () => {
      assert.throws(
        () => parseConfig(input),
        (error: Error) => isCode(error, 'CONFIG_INVALID') && messages.every(message => message.test(error.message)),
      )
    })
  test('a file that is not there', () => {
    assert.throws(
      () => loadConfig('/nowhere/feedloop.yaml', {}),
      (error: Error) => isCode(error, 'DATA_MISSING'),
    )
  })
  test('the result cannot be changed', () => {
    assert.ok(Object.isFrozen(parseConfig({}).policies[0].explorer))
  })
})
