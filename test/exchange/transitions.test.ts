/** Transitions as Parquet, read back with another program's reader; pyarrow's: python-transitions.ts. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import type { Transition } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { columns } from '../../src/exchange/transitions/columns.ts'
import { exportTransitions } from '../../src/exchange/transitions/export.ts'
import { hashedVector } from '../../src/features/hashed.ts'
import { transitionOf } from '../learner/examples.ts'
import { chainOf, openBus } from '../models/bus.ts'
import { folderOf } from './folder.ts'
import { items, openSessions, revisionsOf, weights } from './sessions.ts'

type Row = Record<string, unknown>

function fileOf(t: TestContext): string {
  return join(folderOf(t), 'transitions.parquet')
}

async function rowsIn(file: string): Promise<Row[]> {
  return (await parquetReadObjects({ file: await asyncBufferFromFile(file) })) as Row[]
}

test('one row a transition, with all its revisions in it', { timeout: 120_000 }, async t => {
  const { context } = await openSessions(t)
  const file = fileOf(t)
  const exported = await exportTransitions(context, 'default', file)
  const revisions = await revisionsOf(context)
  const byId = Map.groupBy(revisions, ({ transition_id: id }) => id)
  assert.deepEqual(exported, { rows: byId.size, revisions: revisions.length, featureMissing: 0 })
  // three decisions of three people, two slots and the slate as a whole each
  assert.equal(byId.size, 3 * 3 * 3)
  assert.ok(revisions.length > byId.size)
  const rows = await rowsIn(file)
  assert.deepEqual(new Set(rows.map(({ transition_id: id }) => id)), new Set(byId.keys()))
  for (const row of rows) assertRow(row, byId.get(row.transition_id as string)!, rows)
  const bought = rows.filter(({ decision_id: id, slot }) => id === 'zoë 🦊/1' && slot === 0)
  assert.deepEqual(
    bought.map(({ rewards, reward }) => [rewards, reward]),
    [[{ purchase: 3 }, 15]],
  )
  const { key_value_metadata } = await parquetMetadataAsync(await asyncBufferFromFile(file))
  const said = Object.fromEntries(key_value_metadata!.map(({ key, value }) => [key, value]))
  assert.deepEqual([said.policy, said.state_dimensions, said.item_dimensions], ['default', '6', '3'])
})

/** Against sums of what the revisions say, and vectors worked out anew. */
function assertRow(row: Row, revisions: readonly Transition[], rows: readonly Row[]): void {
  const [first] = revisions
  const sums: Record<string, number> = {}
  for (const { delta } of revisions)
    for (const [type, change] of Object.entries(delta)) sums[type] = (sums[type] ?? 0) + change
  const left = Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum !== 0))
  const rewards = Object.fromEntries(Object.entries(row.rewards as object).filter(([, sum]) => sum !== 0))
  assert.deepEqual(rewards, left)
  const reward = weights.click * (left.click ?? 0) + weights.purchase * (left.purchase ?? 0)
  assert.equal(row.reward, reward)
  const same = ['decision_id', 'slot', 'slots', 'user_id', 'session_id', 'propensity', 'first_draw_propensity'] as const
  for (const name of same) assert.equal(row[name], first[name], name)
  const offered = row.candidates as string[]
  assert.deepEqual([...offered].sort(), items)
  assert.deepEqual(
    row.candidate_vectors,
    offered.flatMap(id => [...hashedVector({ id, text: id, attributes: {} }, 3)]),
  )
  assert.deepEqual(row.items, first.action)
  assert.equal(row.action, offered.indexOf(first.action[0]))
  assert.deepEqual(row.decision_time, new Date(first.decision_time_ms))
  const step = row.session_step as number
  assert.equal((row.state as number[]).length, 6)
  assert.deepEqual([row.terminated, row.truncated], [step === 2, false])
  const next = rows.find(({ decision_id: id, slot }) => id === row.next_decision_id && slot === row.slot)
  assert.equal(next === undefined, step === 2)
  if (!next) {
    const absent = [row.discount, row.next_state, row.next_candidates, row.next_candidate_vectors]
    // the reader gives undefined for a list that is null
    assert.ok(absent.every(value => value === null || value === undefined))
    return
  }
  assert.ok(Math.abs((row.discount as number) - 0.9) < 1e-9)
  assert.deepEqual([row.next_state, row.next_candidates], [next.state, next.candidates])
  assert.deepEqual(row.next_candidate_vectors, next.candidate_vectors)
}

test('what names a vector that is not in the log is left out, and counted', { timeout: 60_000 }, async t => {
  const context = await openBus(parseConfig({}))
  t.after(() => context.log.close())
  const append = chainOf(context, 'transitions')
  const candidate = { item_id: 'a', source: 'request', inclusion_probability: 1 }
  await append(transitionOf({ transition_id: 'gone/0', candidates: [{ ...candidate, feature_version: 7 }] }))
  await append(transitionOf({ transition_id: 'kept/0', candidates: [{ ...candidate, feature_version: 0 }] }))
  await append(transitionOf({ transition_id: 'other/0', policy: 'other' }))
  const file = fileOf(t)
  assert.deepEqual(await exportTransitions(context, 'default', file), { rows: 1, revisions: 2, featureMissing: 1 })
  assert.deepEqual(
    (await rowsIn(file)).map(({ transition_id: id, candidates }) => [id, candidates]),
    [['kept/0', ['a']]],
  )
})

test('a topic without transitions is a table without rows', { timeout: 60_000 }, async t => {
  const context = await openBus(parseConfig({}))
  t.after(() => context.log.close())
  const file = fileOf(t)
  assert.deepEqual(await exportTransitions(context, 'default', file), { rows: 0, revisions: 0, featureMissing: 0 })
  assert.deepEqual(await rowsIn(file), [])
  const { schema } = await parquetMetadataAsync(await asyncBufferFromFile(file))
  assert.equal(schema[0].num_children, Object.keys(columns).length)
})

test('what cannot be written is said', { timeout: 60_000 }, async t => {
  const context = await openBus(parseConfig({}))
  t.after(() => context.log.close())
  await assert.rejects(exportTransitions(context, 'nobody', fileOf(t)), (error: Error) => isCode(error, 'USAGE'))
  await assert.rejects(exportTransitions(context, 'default', '/nowhere/t.parquet'), { code: 'ENOENT' })
})
