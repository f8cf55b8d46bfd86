import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recommendation } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createRanker } from '../../src/ranker/step.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { event, input, nowMs, profile, request, view } from '../ranker/fixtures.ts'

const config = parseConfig({
  features: { dimensions: 5 },
  state: { blocks: ['values', 'history', 'profile', 'context'], halfLifeMs: 777, valueScale: 3 },
})

/** A decision on a state with everything in it. */
function decided(): Recommendation {
  const ranker = createRanker(config)
  const events = Array.from({ length: 40 }, (_, i) =>
    input('events', event({ event_id: `e${i}`, item_id: `i${i % 5}`, time_ms: nowMs - 37 * i, value: i / 7 })),
  )
  const context = { zeta: 0.1, alpha: 1 / 3, page: 'home', mobile: true, 7: 1e-9, beta: 1e9 }
  const inputs = [input('profiles', profile()), ...events, input('requests', request({ slots: 3, context }))]
  const result = ranker.step(ranker.open(0) as never, inputs, { timeMs: nowMs, watermarkMs: -1 }, view())
  return result.outputs[0].value as Recommendation
}

test('a decision survives the wire whole', async () => {
  const wire = await createWire({ prefix: '' })
  const decision = decided()
  const read = wire.decode('recommendations', wire.encode('recommendations', decision))
  assert.equal(JSON.stringify(read), JSON.stringify(decision))
})

test('the state encodes to the same bits before the wire and after it', async () => {
  const wire = await createWire({ prefix: '' })
  const decision = decided()
  const read = wire.decode('recommendations', wire.encode('recommendations', decision)) as Recommendation
  const encoder = createStateEncoder(config)
  const lookup = view().features.vector
  const before = encoder.encode(decision.state, lookup)
  assert.equal(encoder.version, decision.encoder_version)
  assert.deepEqual(Buffer.from(encoder.encode(read.state, lookup).buffer), Buffer.from(before.buffer))
  assert.ok(before.filter(value => value !== 0).length > 10)
})
