import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorEvent } from '../../../schemas/records.ts'
import { refusedRecords } from '../../../src/log/chain/codec.ts'
import { createWire } from '../../../src/log/wire/create.ts'
import { event, input } from '../../transitions/make.ts'

test('an input of an earlier step that is refused now reaches the dead letters too', async () => {
  const wire = await createWire({ prefix: 'p.' })
  const kept = input(event('click', 1, { decision_id: 'd1' }))
  const refusal = { input: kept, code: 'SLATE_HASH_MISMATCH', detail: 'other slate' } as const
  const [{ origin, code }] = refusedRecords({ stage: 'joiner', prefix: 'p.', wire }, [], [refusal])
  assert.equal(code, 'SLATE_HASH_MISMATCH')
  assert.deepEqual([origin.topic, origin.offset, origin.key?.toString()], ['p.events', kept.offset, 'u'])
  assert.equal((wire.decode('events', origin.value!) as BehaviorEvent).decision_id, 'd1')
})

test('a record of this step goes as it came', async () => {
  const wire = await createWire({ prefix: 'p.' })
  const taken = input(event('click', 1))
  const record = { ...taken, topic: 'p.events', key: null, value: Buffer.from('as it came') }
  const refusal = { input: taken, code: 'RECORD_INVALID', detail: '' } as const
  const [{ origin }] = refusedRecords({ stage: 'joiner', prefix: 'p.', wire }, [record], [refusal])
  assert.equal(origin, record)
})
