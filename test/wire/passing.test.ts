/** Parts that are passed on unread: the same bytes as by reading and writing them, and the same damage is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Transition } from '../../schemas/records.ts'
import { type FeedloopError, isCode } from '../../src/errors.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { compilePassing } from '../../src/log/wire/passing.ts'
import { currentSchemas } from '../../src/log/wire/schemas.ts'
import { createSlab } from '../../src/log/wire/slab.ts'
import { compile } from '../../src/log/wire/types.ts'
import { recommendation, state, transition } from './samples.ts'

const wire = await createWire({ prefix: 'f.' })
const passed = ['Snapshot', 'Candidate']
const fields = ['decision_id', 'state', 'candidates', 'slots', 'deferred']
const narrowed = wire.narrowed!({ recommendations: fields, transitions: ['revision', 'state', 'next_state'] }, passed)
type Narrow = Record<string, unknown> & { state: Buffer; candidates: Buffer }
const decision = (value: unknown = recommendation) =>
  narrowed.decode('recommendations', wire.encode('recommendations', value)) as Narrow
const emptyState = { profile_version: 0, profile: null, history: [], counts: {}, context: {} }

describe('narrowed', () => {
  test('gives the wanted fields, and the others not', () => {
    const { decision_id, slots, deferred } = recommendation
    const { state: ofState, candidates, ...rest } = decision()
    assert.deepEqual(rest, { decision_id, slots, deferred })
    assert.ok(Buffer.isBuffer(ofState) && Buffer.isBuffer(candidates))
  })

  const written: [string, object][] = [
    ['of a decision', {}],
    ['empty', { state: emptyState, candidates: [] }],
  ]
  for (const [name, parts] of written)
    test(`parts ${name} are written as the bytes that reading and writing them gives`, () => {
      const { state, candidates } = decision({ ...recommendation, ...parts })
      const read = { ...transition, ...parts, ...('state' in parts && nextOf(parts as never)) }
      const unread = { ...read, state, candidates, next_state: state, next_candidates: candidates }
      const whole = { ...read, next_state: read.state, next_candidates: read.candidates }
      assert.deepEqual(narrowed.encode('transitions', unread), wire.encode('transitions', whole))
    })
  const nextOf = (parts: Pick<Transition, 'state' | 'candidates'>) => ({ ...parts, next_candidates: parts.candidates })

  test('values are written too, and null where there is none', () => {
    const whole = { ...transition, next_state: null, next_candidates: null }
    assert.deepEqual(narrowed.encode('transitions', whole), wire.encode('transitions', whole))
    const bytes = wire.encode('transitions', { ...transition, next_state: state })
    const { next_state, state: own, ...rest } = narrowed.decode('transitions', bytes) as Narrow
    assert.ok(Buffer.isBuffer(next_state) && next_state.equals(own))
    assert.deepEqual(rest, { revision: transition.revision })
  })

  test('what is neither is refused with its path', () =>
    assert.throws(
      () => narrowed.encode('transitions', { ...transition, state: { ...state, history: 7 } }),
      (error: FeedloopError) => error.code === 'RECORD_INVALID' && /state\.history/.test(error.message),
    ))

  test('other topics and the wire itself are as before', () => {
    assert.deepEqual(wire.decode('recommendations', wire.encode('recommendations', recommendation)), recommendation)
    assert.deepEqual(narrowed.decode('requests', wire.encode('requests', request)), request)
  })
  const request = {
    request_id: 'r',
    user_id: 'u',
    session_id: null,
    policy: 'default',
    time_ms: 1,
    deadline_ms: null,
    slots: 1,
    context: {},
    candidates: null,
    baseline: null,
    excluded: null,
    pinned: null,
    deferred: false,
    explain: false,
  }

  test('bytes outlive the buffer that they came in', () => {
    const bytes = wire.encode('recommendations', recommendation)
    const { candidates } = narrowed.decode('recommendations', bytes) as Narrow
    const before = Buffer.from(candidates)
    bytes.fill(0)
    assert.deepEqual(candidates, before)
  })

  test('damage that reading notices is noticed where nothing is read', () => {
    const bytes = wire.encode('recommendations', recommendation)
    const hits = fc.array(fc.tuple(fc.integer({ min: 10, max: bytes.length - 1 }), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    })
    const codeOf = (decode: () => unknown): string | null => {
      try {
        decode()
        return null
      } catch (error) {
        assert.ok(isCode(error, 'WIRE_DECODE_FAILED') || isCode(error, 'WIRE_UNSAFE_NUMBER'), String(error))
        return (error as FeedloopError).code
      }
    }
    let refused = 0
    fc.assert(
      fc.property(hits, fc.integer({ min: 0, max: 20 }), (damage, cut) => {
        const damaged = Buffer.from(bytes.subarray(0, bytes.length - cut))
        for (const [at, byte] of damage) if (at < damaged.length) damaged[at] = byte
        const whole = codeOf(() => wire.decode('recommendations', damaged))
        const part = codeOf(() => narrowed.decode('recommendations', damaged))
        if (whole !== null) refused++
        assert.equal(part === null, whole === null)
      }),
      { numRuns: 3000 },
    )
    assert.ok(refused > 500, `${refused} were refused`)
  })
})

describe('another writer', () => {
  const { schema } = currentSchemas().find(({ name }) => name === 'Recommendation')!
  /** The schema of a writer that knew no `value` of interactions, and had a field more in candidates. */
  const older = JSON.parse(JSON.stringify(schema), (_, part) => {
    if (part?.name === 'Candidate') return { ...part, fields: [...part.fields, { name: 'score', type: 'double' }] }
    return part
  })

  test('its parts are resolved to the current schema', () => {
    const reader = compilePassing(schema, passed, fields)
    const writer = compile(older)
    const bytes = writer.toBuffer({
      ...recommendation,
      candidates: recommendation.candidates.map(each => ({ ...each, score: 1 })),
    })
    const read = reader.fromBuffer(bytes, reader.createResolver(writer)) as Narrow
    assert.deepEqual(read.candidates, decision().candidates)
    assert.deepEqual(read.state, decision().state)
  })
})

test('a slab copies whatever the sizes', () => {
  const copy = createSlab()
  const source = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251))
  const sizes = [0, 1, 700, 16_384, 16_385, 65_536, 100_000, 3, 16_000, 16_000, 16_000, 16_000, 16_000]
  const copies = sizes.map(size => [
    source.subarray(7, Math.min(7 + size, 100_000)),
    copy(source, 7, Math.min(7 + size, 100_000)),
  ])
  for (const [expected, actual] of copies) assert.ok(expected.equals(actual))
})
