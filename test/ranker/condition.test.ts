import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FeedloopError } from '../../src/errors.ts'
import type { CatalogueItem } from '../../src/features/store.ts'
import { compileCondition, momentOf } from '../../src/ranker/condition.ts'
import { nowMs } from './fixtures.ts'

const item = (attributes: CatalogueItem['attributes']): CatalogueItem => ({
  itemId: 'i1',
  row: 0,
  featureVersion: 1,
  vector: new Float32Array(2),
  attributes,
  available: true,
  timeMs: nowMs - 3_600_000,
})

const moment = () => momentOf({ country: 'DE', hour: 21 }, 'ann', { age: 17 }, nowMs)

const met = (source: string, attributes: CatalogueItem['attributes'] = {}): boolean =>
  compileCondition(source)(item(attributes), moment())

test('a condition sees the item, the context, the profile and the time', () => {
  assert.equal(met('item.region == context.country', { region: 'DE' }), true)
  assert.equal(met('item.region == context.country', { region: 'FR' }), false)
  assert.equal(met('item.rating <= user.age', { rating: 16 }), true)
  assert.equal(met('item.rating <= user.age', { rating: 18 }), false)
  assert.equal(met('now - item.time < duration("2h")'), true)
  assert.equal(met('now - item.time < duration("30m")'), false)
  assert.equal(met('item.id == "i1" && user.id == "ann"'), true)
  assert.equal(met('item.id == "i1"', { id: 'another' }), true)
  assert.equal(met('timestamp(item.until) > now', { until: '2023-11-15T00:00:00Z' }), true)
  assert.equal(met('item.open', { open: true }), true)
})

test('what cannot be evaluated is not met, counted, and never thrown', () => {
  const sources = ['item.price < 5', 'item.region > 5', 'item.region', '!(item.price < 5)', 'item.constructor == 1']
  for (const source of sources) {
    const at = moment()
    assert.equal(compileCondition(source)(item({ region: 'DE' }), at), false, source)
    assert.deepEqual([...at.failed], [[source, 1]])
  }
  const at = moment()
  assert.equal(compileCondition('item.id != ""')(undefined, at), false)
  assert.equal(at.failed.size, 1)
})

test('an attribute that is not there can be asked for', () => {
  const at = moment()
  const condition = compileCondition('!has(item.price) || item.price < 5')
  assert.equal(condition(item({}), at), true)
  assert.equal(condition(item({ price: 9 }), at), false)
  assert.equal(at.failed.size, 0)
})

test('what it reads tells static conditions from others', () => {
  const reads = (source: string) => [...compileCondition(source).reads].join(' ')
  assert.equal(reads('item.price < 5 && has(item.region)'), 'item')
  assert.equal(reads('[context.country].exists(c, c == item.region)'), 'item context')
  assert.equal(reads('now - item.time < duration(user.patience)'), 'item user now')
})

test('a bad condition is refused when it is read', () => {
  const refused: readonly [string, RegExp][] = [
    ['item.price <', /Unexpected token/],
    ['itm.price < 5', /Unknown variable: itm/],
    ['"a" + 1 == 2', /no such overload/],
    ['item.price < "a" + "b" + 1', /no such overload/],
    ['now', /not a bool/],
    ['item.name.matches("(a+)+$")', /matches\(\) is not offered/],
    ['item.deep'.repeat(400), /./],
  ]
  for (const [source, words] of refused)
    assert.throws(
      () => compileCondition(source),
      (error: unknown) =>
        error instanceof FeedloopError && error.code === 'CONFIG_INVALID' && words.test(error.message),
      source,
    )
})
