/**
 * Part of `npm run test:python`: pyarrow reads the transitions, and the trainer of docs/exchange.md learns from them.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { columns } from '../../src/exchange/transitions/columns.ts'
import { exportTransitions } from '../../src/exchange/transitions/export.ts'
import { safetensorsOf } from '../../src/exchange/weights/export.ts'
import { readStored } from '../../src/exchange/weights/import.ts'
import { replaced } from '../../src/exchange/weights/replacing.ts'
import { decodeWeights, encodeTraining, startTraining } from '../../src/learner/towers/training.ts'
import { versionOf } from '../learner/examples.ts'
import { blocksOf } from './docs.ts'
import { folderOf } from './folder.ts'
import { openSessions } from './sessions.ts'
import { runProgram, runPython } from './with-python.ts'

type Row = Record<string, unknown>
const [trainer] = blocksOf('python')

test('pyarrow reads the transitions, with their types', { timeout: 120_000 }, async t => {
  const { context } = await openSessions(t)
  const file = join(folderOf(t), 'transitions.parquet')
  const { rows } = await exportTransitions(context, 'default', file)
  const script = `
import json, sys
import pyarrow.parquet as pq
table = pq.read_table(sys.argv[1])
types = {field.name: f"{field.type}{'?' if field.nullable else ''}" for field in table.schema}
def plain(value):
    return value.timestamp() * 1000 if hasattr(value, "timestamp") else dict(value) if isinstance(value, list) and value and isinstance(value[0], tuple) else value
rows = [{name: plain(value) for name, value in row.items()} for row in table.to_pylist()]
print(json.dumps([types, rows]))`
  const [types, found] = (await runPython(['pyarrow'], script, [file])) as [Record<string, string>, Row[]]
  assert.equal(found.length, rows)
  const ours = (await parquetReadObjects({ file: await asyncBufferFromFile(file) })) as Row[]
  const plain = (value: unknown) => (value instanceof Date ? value.getTime() : (value ?? null))
  const empty = (value: unknown) => (Array.isArray(value) && value.length === 0 ? {} : value)
  found.forEach((row, i) => {
    for (const name of Object.keys(columns))
      assert.deepEqual(name === 'rewards' ? empty(row[name]) : row[name], plain(ours[i][name]), `row ${i}, ${name}`)
  })
  assert.match(types.rewards, /^map<string, double\b/)
  const some = ['state', 'candidates', 'action', 'discount', 'next_state', 'terminated', 'decision_time']
  assert.deepEqual(
    some.map(name => types[name]),
    [
      'list<element: float not null>',
      'list<element: string not null>',
      'int32',
      'double?',
      'list<element: float not null>?',
      'bool',
      'timestamp[ms, tz=UTC]',
    ],
  )
})

test('docs/exchange.md: its trainer learns from our transitions, and we take its weights', {
  timeout: 120_000,
}, async t => {
  const { context } = await openSessions(t)
  const folder = folderOf(t)
  await exportTransitions(context, 'default', join(folder, 'transitions.parquet'))
  const small = { stateDimensions: 6, itemDimensions: 3, hidden: 16, embedding: 8 }
  const checkpoint = { baseVersion: null, ...encodeTraining(startTraining(small, 1), small) }
  const model = versionOf(checkpoint, { algorithm: 'two-tower' })
  writeFileSync(join(folder, 'model.safetensors'), safetensorsOf(model))
  await runProgram(['numpy', 'pyarrow', 'safetensors', 'torch'], ['-c', trainer], folder)
  const trained = replaced(model, readStored(join(folder, 'trained.safetensors')))
  const [was, is] = [model, trained].map(each => decodeWeights(each).weights)
  for (const name of ['value/weights', 'user/embedding/weights', 'item/hidden/weights'] as const)
    assert.ok(
      is[name].some((value, i) => value !== was[name][i]),
      name,
    )
})
