/** asyncapi.json against AsyncAPI's own schema, and against the pipeline's map. That it is current: generated.test.ts. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { generatedFiles } from '../../deploy/generate.ts'
import { stageAcls } from '../../deploy/kafka/acls.ts'
import { pipeline, topics } from '../../src/pipeline.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document of others' making
const parsed = (): any => JSON.parse(generatedFiles()['asyncapi.json'])
const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json')

function faultsOf(document: unknown): string[] {
  const ajv = new Ajv({
    strict: false,
    meta: false,
    validateSchema: false,
    validateFormats: false,
    unicodeRegExp: false,
  })
  ajv.validate(schema, document)
  return (ajv.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`)
}

test('it is AsyncAPI 3.0', () => {
  assert.deepEqual(faultsOf(parsed()), [])
})

test('the check itself: what is no AsyncAPI, or no Avro, is found', () => {
  for (const [what, spoil] of [
    ['an unknown key', d => (d.chanels = {})],
    ['an unknown action', d => (d.operations['ranker-reads-requests'].action = 'look')],
    ['a field without a name', d => delete d.components.messages.Request.payload.schema.fields[0].name],
    ['a partition count that is none', d => (d.channels.requests.bindings.kafka.partitions = 0)],
  ] as [string, (document: ReturnType<typeof parsed>) => unknown][]) {
    const document = parsed()
    spoil(document)
    assert.notDeepEqual(faultsOf(document), [], what)
  }
})

/** What a real broker lets each stage do (test/deploy/security.ts), so it is neither less nor more than they do. */
const granted = (): string[] =>
  pipeline.flatMap(entry =>
    stageAcls(entry)
      .filter(({ resource }) => resource === 'topic')
      .flatMap(({ name, operations }) =>
        operations.map(each => `${entry.stage}-${each === 'Read' ? 'reads' : 'writes'}-${name}`),
      ),
  )

test('every topic is a channel, every reading and writing of a stage an operation, every reference leads somewhere', () => {
  const document = parsed()
  assert.deepEqual(Object.keys(document.channels), Object.keys(topics))
  assert.deepEqual(Object.keys(document.operations).sort(), granted().sort())
  for (const each of ['features-reads-profiles', 'gateway-reads-requests', 'joiner-writes-dead-letters'])
    assert.ok(each in document.operations, each)
  for (const [name, { action }] of Object.entries<{ action: string }>(document.operations))
    assert.equal(action, name.includes('-reads-') ? 'receive' : 'send')
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)]
  assert.ok(references.length > 30)
  for (const [, path] of references)
    assert.ok(
      path.split('/').reduce((at, name) => at?.[name], document),
      `${path} is nowhere`,
    )
})
