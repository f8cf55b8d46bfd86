import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { parseConfig } from '../../src/config.ts'
import { type ErrorCode, type FeedloopError, isCode } from '../../src/errors.ts'
import { type Conversion, convert } from '../../src/intake/convert.ts'
import { compileSources } from '../../src/intake/mapping.ts'
import { follow, parsePath } from '../../src/intake/path.ts'
import { mapRecord, type SourceRecord } from '../../src/intake/step.ts'

describe('paths', () => {
  const value = { a: { b: [{ c: 1 }, { c: null }], 'x-y': 2 }, 'd.e': { f: 3 }, '': 4, '0': 'zero' }
  const cases: [string, unknown][] = [
    ['a.b[0].c', 1],
    ['a.b[1].c', null],
    ['a.b[2].c', undefined],
    ['a.x-y', 2],
    ['["d.e"].f', 3],
    ['[""]', 4],
    ['a.b.length', 2],
    ['a.toString', undefined],
    ['a.b.map', undefined],
    ['q.w.e', undefined],
  ]
  for (const [path, expected] of cases) test(path, () => assert.equal(follow(parsePath(path), value), expected))

  for (const bad of [
    '',
    '.',
    'a.',
    'a..b',
    '.a',
    'a[x]',
    'a[-1]',
    'a]',
    '["a',
    'a[0]b',
    '__proto__.x',
    'a.constructor',
    'a["prototype"]',
  ])
    test(`${bad || '(empty)'} is refused`, () => assert.throws(() => parsePath(bad)))

  test('no path reaches what is inherited', () =>
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), names => {
        let path: ReturnType<typeof parsePath>
        try {
          path = parsePath(names.map(name => `[${JSON.stringify(name)}]`).join(''))
        } catch {
          return
        }
        assert.equal(follow(path, {}), undefined)
      }),
    ))
})

describe('conversions', () => {
  const cases: [Conversion, unknown, unknown][] = [
    ['string', 5, '5'],
    ['string', true, 'true'],
    ['string', 9007199254740993n, '9007199254740993'],
    ['list', [9007199254740993n], ['9007199254740993']],
    ['list', -9007199254740993n, ['-9007199254740993']],
    ['number', '1e3', 1000],
    ['number', '9007199254740991', 9007199254740991],
    ['number', '-1e300', -1e300],
    ['number', 1e300, 1e300],
    ['number', ' 7 ', 7],
    ['boolean', '0', false],
    ['boolean', 1, true],
    ['timestamp-ms', '1764000000000', 1764000000000],
    ['timestamp-s', 1764000000.25, 1764000000250],
    ['iso8601', '2019-11-24 00:01:03.979311+00:00', 1574553663979],
    ['iso8601', '2019-11-24T02:01:03+0200', 1574553663000],
    ['iso8601', '2019-11-24T00:01Z', 1574553660000],
    ['iso8601', '2019-11-24', 1574553600000],
    ['list', ['a', 1], ['a', '1']],
    ['list', 'a|b', ['a|b']],
    ['map', { a: 1, b: 'x', c: true, d: null }, { a: 1, b: 'x', c: true }],
    ['map', ['x', 'y'], { x: true, y: true }],
  ]
  for (const [to, value, expected] of cases)
    test(`${inspect(value)} to ${to}`, () => assert.deepEqual(convert(value, to), expected))
  test('a separator cuts', () => {
    assert.deepEqual(convert('a|b||c', 'list', '|'), ['a', 'b', 'c'])
    assert.deepEqual(convert('a|b', 'map', '|'), { a: true, b: true })
  })
  const refused: [Conversion, unknown][] = [
    ['string', {}],
    ['string', null],
    ['number', ''],
    ['number', 'abc'],
    ['number', Number.NaN],
    ['number', 'Infinity'],
    ['number', 9007199254740993n],
    ['number', '9007199254740993'],
    ['number', ' -9007199254740992 '],
    ['timestamp-ms', 9007199254740993n],
    ['boolean', 1n],
    ['iso8601', 1n],
    ['map', { a: 9007199254740993n }],
    ['string', [1n]],
    ['boolean', 'maybe'],
    ['boolean', 2],
    ['iso8601', '24.11.2019'],
    ['iso8601', '2019-13-40'],
    ['iso8601', 1574553663979],
    ['map', { a: { b: 1 } }],
    ['map', JSON.parse('{"__proto__": 1}')],
    ['list', [{}]],
  ]
  for (const [to, value] of refused)
    test(`${inspect(value)} is not ${to}`, () => assert.throws(() => convert(value, to), / not /))
})

const clicks = {
  topic: 'shop.clicks',
  to: 'events',
  fields: {
    event_id: { origin: true },
    user_id: { path: 'user.id' },
    type: { path: 'action', map: { tap: 'click', buy: 'purchase' } },
    item_id: { template: '{shop}-{skus[0]}' },
    value: { path: 'price', default: 0 },
    time_ms: { path: 'at', type: 'iso8601' },
  },
}
const nowMs = 1_764_000_000_000
const limits = { futureSkewMs: 1000, maxCandidates: 3, maxSlots: 2, maxValue: 100 }
const recordOf = (value: unknown, more: Partial<SourceRecord> = {}): SourceRecord => ({
  value,
  key: 'k',
  header: name => (name === 'h' ? 'from-header' : undefined),
  attributes: {},
  origin: 'shop.clicks/0/7',
  timestampMs: 5,
  ...more,
})
const compile = (source: unknown) => compileSources([source], false)[0].mappings[0]
const compiledClicks = compile(clicks)
const click = { user: { id: 42 }, action: 'tap', shop: 's', skus: ['x'], price: '9.5', at: '2019-11-24T00:00:00Z' }

describe('mapping a record', () => {
  test('every kind of field', () => {
    const mapped = mapRecord(compile(clicks), recordOf(click), nowMs, limits)
    assert.deepEqual(mapped, {
      kind: 'mapped',
      to: 'events',
      key: '42',
      value: {
        event_id: 'shop.clicks/0/7',
        user_id: '42',
        session_id: null,
        decision_id: null,
        item_id: 's-x',
        slot: null,
        type: 'click',
        slate_hash: null,
        value: 9.5,
        time_ms: 1574553600000,
      },
    })
  })

  test('nobody is erased through a mapped topic: reserved types are refused', () => {
    const anyType = compile({ ...clicks, fields: { ...clicks.fields, type: { path: 'action' } } })
    for (const action of ['$forget', '$other']) {
      const mapped = mapRecord(anyType, recordOf({ ...click, action }), nowMs, limits)
      assert.ok(mapped.kind === 'refused' && mapped.fault.code === 'RECORD_INVALID', action)
      assert.match(mapped.fault.detail, /reserved/)
    }
  })

  const requests = {
    topic: 't',
    to: 'requests',
    fields: {
      request_id: { header: 'h' },
      user_id: { key: true },
      policy: { constant: 'default' },
      time_ms: { timestamp: true },
      slots: { constant: 1 },
      candidates: { path: 'ids', separator: ',' },
      context: { entries: { hour: { path: 'hour', type: 'number' }, device: { path: 'device' } } },
    },
  }
  test('headers, key, time, constants, entries and lists; an absent entry is left out', () => {
    const mapped = mapRecord(compile(requests), recordOf({ hour: '13', ids: 'a,b' }), nowMs, limits)
    assert.equal(mapped.kind, 'mapped')
    const { value } = mapped as { value: Record<string, unknown> }
    assert.deepEqual([value.request_id, value.user_id, value.time_ms], ['from-header', 'k', 5])
    assert.deepEqual(value.context, { hour: 13 })
    assert.deepEqual(value.candidates, ['a', 'b'])
  })

  test('a condition passes others over', () => {
    const mapping = compile({ ...clicks, when: { path: 'action', in: ['tap', 1] } })
    assert.equal(mapRecord(mapping, recordOf({ ...click, action: 'scroll' }), nowMs, limits).kind, 'skipped')
    assert.equal(mapRecord(mapping, recordOf({ ...click, action: 1 }), nowMs, limits).kind, 'mapped')
    assert.equal(mapRecord(mapping, recordOf({}), nowMs, limits).kind, 'skipped')
  })

  const refusals: [string, unknown, ErrorCode, RegExp][] = [
    ['a needed field is absent', { ...click, user: {} }, 'FIELD_MISSING', /user_id/],
    ['a needed field is null', { ...click, at: null }, 'FIELD_MISSING', /time_ms/],
    ['a field does not convert', { ...click, price: 'cheap' }, 'FIELD_UNCONVERTIBLE', /value: "cheap"/],
    ['a rule of the record is broken', { ...click, user: { id: '' } }, 'RECORD_INVALID', /user_id/],
    ['the time is ahead', { ...click, at: '2100-01-01' }, 'TIME_IN_FUTURE', /ahead/],
    ['a template meets a list', { ...click, shop: ['s'] }, 'FIELD_UNCONVERTIBLE', /item_id/],
    ['the value is no object', 'text', 'FIELD_MISSING', /user_id/],
    ['the value is null', null, 'FIELD_MISSING', /user_id/],
  ]
  for (const [name, value, code, says] of refusals)
    test(name, () => {
      const mapped = mapRecord(compile(clicks), recordOf(value), nowMs, limits)
      assert.equal(mapped.kind, 'refused')
      const { fault } = mapped as { fault: { code: string; detail: string } }
      assert.equal(fault.code, code)
      assert.match(fault.detail, says)
    })

  test('nothing pollutes a prototype', () => {
    const users = {
      topic: 't',
      to: 'users',
      fields: { user_id: { path: 'id' }, attributes: { path: 'a' }, time_ms: { constant: 1 } },
    }
    const hostile = JSON.parse('{"id": "u", "a": {"__proto__": true, "constructor": "x"}}')
    assert.equal(mapRecord(compile(users), recordOf(hostile), nowMs, limits).kind, 'refused')
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  })
})

test('whatever comes, the step answers with a record, a refusal or a pass', () => {
  const mapping = compile({ ...clicks, when: { path: 'user', in: ['a'] } })
  const anything = fc.anything({ withBigInt: true })
  const wild = fc.record({
    user: anything,
    action: anything,
    shop: anything,
    skus: anything,
    price: anything,
    at: anything,
  })
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), wild), value => {
      for (const each of [compiledClicks, mapping]) mapRecord(each, recordOf(value), nowMs, limits)
    }),
    { numRuns: 2000 },
  )
})

test('all problems of all sources come in one message', () => {
  const bad = [
    {
      topic: 'a',
      to: 'events',
      fields: { event_id: { path: 'a..b' }, user_id: {}, colour: { constant: 1 }, time_ms: { constant: 'soon' } },
    },
    { topic: 'b', to: 'nowhere', fields: {} },
    {
      topic: 'c',
      to: 'items',
      format: 'avro',
      fields: { item_id: { key: true, path: 'x' }, time_ms: { timestamp: true }, text: { entries: {} } },
    },
    {
      topic: 'd',
      to: 'items',
      fields: { item_id: { attribute: 'subject' }, time_ms: { path: '__proto__.x' } },
      when: { path: '', in: [1] },
    },
    { topic: 'e', to: 'items', fields: { item_id: { template: 'a{b' }, time_ms: { timestamp: true } } },
    {
      topic: 'e',
      to: 'items',
      format: 'cloudevents',
      fields: { item_id: { key: true }, time_ms: { timestamp: true } },
    },
    {
      topic: 'f',
      to: 'items',
      when: { path: 'tenant', in: [2 ** 53] },
      fields: { item_id: { constant: -(2 ** 53) }, time_ms: { timestamp: true } },
    },
    {
      topic: 'g',
      to: 'items',
      format: 'avro',
      schema: '/nowhere.avsc',
      fields: { item_id: { path: '' }, time_ms: { timestamp: true } },
    },
    {
      topic: 'h',
      to: 'items',
      format: 'avro',
      schema: 'package.json',
      fields: { item_id: { key: true }, time_ms: { timestamp: true } },
    },
  ]
  const says = [
    /sources\[0\]\.fields\.event_id: `a\.\.b` is not a path at character 2/,
    /sources\[0\]\.fields\.user_id: needs exactly one of .* has none/,
    /sources\[0\]\.fields\.colour: events has no such field/,
    /sources\[0\]\.fields\.time_ms: "soon"/,
    /sources\[0\]\.fields\.type: is needed/,
    /sources\[1\]\.to: /,
    /sources\[2\]: avro needs a schema file/,
    /sources\[2\]\.fields\.item_id: .* has path, key/,
    /sources\[2\]\.fields\.text: is a string, not a map/,
    /sources\[3\]: attributes need format: cloudevents/,
    /sources\[3\]\.fields\.time_ms: .*may not be followed/,
    /sources\[3\]\.when: an empty path/,
    /sources\[4\]\.fields\.item_id: .*braces do not match/,
    /sources\[5\]: another source of e has another format or schema/,
    /sources\[7\]\.schema: .*\/nowhere\.avsc/,
    /sources\[7\]\.fields\.item_id: an empty path/,
    /sources\[8\]\.schema: .*package\.json/,
    /sources\[6\]\.when\.in\.0: .*2\^53/,
    /sources\[6\]\.fields\.item_id\.constant: .*2\^53/,
  ]
  assert.throws(
    () => compileSources(bad, false),
    (error: unknown) => {
      assert.ok(isCode(error, 'MAPPING_INVALID'))
      for (const each of says) assert.match((error as FeedloopError).message, each)
      return true
    },
  )
})

describe('a configuration', () => {
  const bad = {
    log: { level: 'loud' },
    sources: [
      { topic: 'a', to: 'nowhere', fields: {} },
      { topic: 'b', to: 'items', format: 'avro', schema: '/nowhere.avsc', fields: { item_id: { path: 'a..b' } } },
    ],
  }
  const problemsOf = (work: () => unknown): string[] => {
    try {
      work()
    } catch (error) {
      assert.ok(isCode(error, 'CONFIG_INVALID'))
      return (error as Error).message
        .split('\n')
        .slice(1)
        .map(line => line.trim().split(': ')[0])
    }
    return []
  }
  const ofOthers = ['log.level', 'sources[0].to', 'sources[1].fields.item_id', 'sources[1].fields.time_ms']

  test('lists what is wrong with its sources beside what else is wrong, each once', () =>
    assert.deepEqual(problemsOf(() => parseConfig(bad)).sort(), ofOthers))

  test('for intake: the schema files too, which others need not have', () => {
    assert.deepEqual(problemsOf(() => parseConfig(bad, { openSchemas: true })).sort(), [
      ...ofOthers,
      'sources[1].schema',
    ])
    const good = { ...bad.sources[1], fields: { item_id: { key: true }, time_ms: { timestamp: true } } }
    assert.deepEqual(
      problemsOf(() => parseConfig({ sources: [good] })),
      [],
    )
    assert.deepEqual(
      problemsOf(() => parseConfig({ sources: [good] }, { openSchemas: true })),
      ['sources[0].schema'],
    )
  })
})
