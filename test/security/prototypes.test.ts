/** Names that every object inherits, as keys and values of payloads: nothing is polluted, and nothing is found that was not sent. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import fc from 'fast-check'
import { parseConfig } from '../../src/config.ts'
import { createReader } from '../../src/intake/formats.ts'
import { compileSources } from '../../src/intake/mapping.ts'
import { openRows } from '../../src/intake/rows.ts'
import { mapRecord } from '../../src/intake/step.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { compileCondition, momentOf } from '../../src/ranker/condition.ts'
import { did } from '../operate/live.ts'

const inherited = Object.getOwnPropertyNames(Object.prototype)
const clean = Object.getOwnPropertyNames(Object.prototype).sort()
const folder = mkdtempSync(join(tmpdir(), 'feedloop-prototypes-'))
after(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), clean)
  assert.equal(Object.getPrototypeOf({}), Object.prototype)
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})

const name = fc.constantFrom(...inherited, 'prototype', 'polluted', 'a')
/** JSON texts, in which `__proto__` is a name like any other. */
const json = fc.letrec<{ value: string }>(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('1', '"x"', 'true', 'null', '{"polluted":1}'),
    fc.array(tie('value'), { maxLength: 3 }).map(all => `[${all.join()}]`),
    fc
      .array(fc.tuple(name, tie('value')), { maxLength: 4 })
      .map(all => `{${all.map(([key, each]) => `"${key}":${each}`).join()}}`),
  ),
})).value

const source = {
  topic: 't',
  format: 'json',
  to: 'requests',
  fields: {
    request_id: { path: 'id' },
    user_id: { path: 'user.id', default: 'nobody' },
    slots: { constant: 1 },
    time_ms: { timestamp: true },
    context: { path: 'context' },
  },
}
const limits = parseConfig({}).limits

test('a mapped JSON record: nothing inherited is followed, and maps take what they may', async () => {
  const [compiled] = compileSources([source], false)
  const read = createReader(compiled, undefined)
  await fc.assert(
    fc.asyncProperty(json, json, async (user, context) => {
      const value = Buffer.from(`{"id":"r","user":${user},"context":${context}}`)
      const record = { topic: 't', partition: 0, offset: 0, key: null, value, headers: {}, timestampMs: Date.now() }
      const mapped = mapRecord(compiled.mappings[0], await read(record), Date.now(), limits)
      if (mapped.kind !== 'mapped') return
      const own = JSON.parse(user) as { id?: unknown }
      if (own === null || typeof own !== 'object' || !Object.hasOwn(own, 'id')) assert.equal(mapped.key, 'nobody')
      const map = mapped.value.context as object
      assert.equal(Object.getPrototypeOf(map), Object.prototype)
      assert.ok(!Object.hasOwn(map, '__proto__'))
    }),
    { numRuns: 500 },
  )
})

test('CloudEvents with such attributes, as headers and in the value', async () => {
  const event = { ...source, format: 'cloudevents', fields: { ...source.fields, request_id: { attribute: 'id' } } }
  const [compiled] = compileSources([event], false)
  const read = createReader(compiled, undefined)
  await fc.assert(
    fc.asyncProperty(name, json, async (key, value) => {
      const attributes = { ce_id: 'r', ce_source: 's', ce_type: 't', ce_specversion: '1.0', [`ce_${key}`]: 'x' }
      const headers = Object.fromEntries(Object.entries(attributes).map(([each, text]) => [each, Buffer.from(text)]))
      const record = { topic: 't', partition: 0, offset: 0, key: null, headers, timestampMs: 1 }
      const binary = await read({ ...record, value: Buffer.from(value) })
      assert.equal(Object.getPrototypeOf(binary.attributes), Object.prototype)
      const text = `{"id":"r","source":"s","type":"t","specversion":"1.0","${key}":${value},"data":${value}}`
      const structured = await read({
        ...record,
        headers: { 'content-type': Buffer.from('application/cloudevents+json') },
        value: Buffer.from(text),
      }).catch((error: Error) => assert.match(error.message, /^RECORD_UNREADABLE/))
      if (structured) assert.equal(Object.getPrototypeOf(structured.attributes), Object.prototype)
    }),
    { numRuns: 300 },
  )
})

test('rows of CSV whose columns are so named', async () => {
  const file = join(folder, 'rows.csv')
  writeFileSync(file, `${[...inherited, 'a'].join()}\n${inherited.map(() => 'polluted').join()},1\n`)
  const rows = []
  for await (const { value } of openRows(file).rows) rows.push(value!)
  assert.equal(rows.length, 1)
  assert.equal(rows[0].a, '1')
  assert.equal(Object.getPrototypeOf(rows[0]), Object.prototype)
})

test('maps of Avro records with such keys', async () => {
  const wire = await createWire({ prefix: 'p.' })
  const bytes = wire.encode('events', did('ann', 'click'))
  assert.ok(bytes.length > 0)
  const request = { request_id: 'r', user_id: 'u', slots: 1, time_ms: 1 }
  for (const key of inherited) {
    const context = JSON.parse(`{"${key}":1,"a":2}`)
    const written = wire.encode('requests', { ...request, context })
    if (key === '__proto__') {
      assert.throws(() => wire.decode('requests', written), /WIRE_DECODE_FAILED: .*__proto__/)
      continue
    }
    const decoded = wire.decode('requests', written) as { context: Record<string, unknown> }
    assert.equal(Object.getPrototypeOf(decoded.context), Object.prototype, key)
    assert.equal(decoded.context.a, 2)
  }
})

test('conditions in CEL see own attributes only, and none of them changes anything', () => {
  const item = (attributes: object) => ({ itemId: 'i', timeMs: 0, attributes, available: true }) as never
  for (const each of inherited) {
    const moment = momentOf({}, 'u', {}, 0)
    assert.equal(compileCondition(`has(item.${each})`)(item({}), moment), false, `has ${each}`)
    assert.equal(compileCondition(`"${each}" in item`)(item({}), moment), false, `in ${each}`)
    assert.equal(compileCondition(`item["${each}"] == 1`)(item({}), moment), false, each)
    compileCondition(`context["${each}"] == user["${each}"]`)(
      item({ [each]: 1 }),
      momentOf(JSON.parse(`{"${each}":{"polluted":1}}`), 'u', {}, 0),
    )
  }
})

test('events of such types are no rewards, and weigh nothing', () => {
  const { policies, state } = parseConfig({})
  for (const each of inherited) {
    assert.equal(policies[0].rewards[each], undefined, each)
    assert.ok(!(each in policies[0].rewards))
    assert.equal(policies[0].defaultReward[each], undefined)
    assert.equal(state.typeWeights[each], undefined)
  }
})
