/**
 * What the ranker scored with is what the learner learns with: over a replay of MovieLens the encoding at decision time and
 * the one made of the logged transition agree in every bit. Everything goes over the wire as bytes; films get new
 * vectors and people new profiles in between, and rates, contexts and late events are in it too.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { BehaviorEvent, Item, Request, Transition } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { hashedVector } from '../../src/features/hashed.ts'
import { createFeatureStore, type FeatureStore, vectorToBytes } from '../../src/features/store.ts'
import { replay } from '../../src/intake/replay.ts'
import { createExampleEncoder } from '../../src/learner/examples.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { createWire } from '../../src/log/wire/create.ts'
import type { Policy } from '../../src/models/policy.ts'
import type { TopicName } from '../../src/pipeline.ts'
import type { Serving } from '../../src/ranker/decide.ts'
import { createRanker } from '../../src/ranker/step.ts'
import type { Output, Stage, StageState } from '../../src/stage.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom } from '../../src/state/random.ts'
import { joinersWire } from '../../src/transitions/decision.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { input, profile, request } from '../ranker/fixtures.ts'
import { realData } from '../real-data.ts'

const folders = mkdtempSync(join(tmpdir(), 'feedloop-'))
after(() => rmSync(folders, { recursive: true }))

const RATINGS = 100_836
/** A request comes before every so many ratings. */
const ASKED_EVERY = 20
const STEP = 200
const data = join(realData, 'ml-latest-small')
const dimensions = 16
const config = parseConfig({
  features: { dimensions },
  state: {
    historyLength: 30,
    halfLifeMs: 30 * 86_400_000,
    typeWeights: { rating: 1, like: 0.7 },
    blocks: ['history', 'values', 'profile', 'context', 'numbers', 'counts'],
    numbers: ['hour'],
    counts: ['rating'],
    rates: [{ of: 'like', per: 'rating' }],
  },
})
const wire = await createWire({ prefix: 'e.' })

async function read<T>(topic: TopicName, file: string, mapping: string): Promise<T[]> {
  const log = openEmbeddedLog()
  const spec = { partitions: 1, replicationFactor: 1, config: { 'max.message.bytes': '2000000' } }
  await log.createTopics([{ ...spec, topic: `e.${topic}` }])
  await replay({
    log,
    wire,
    prefix: 'e.',
    limits: config.limits,
    data: join(data, file),
    mapping: fileURLToPath(new URL(`../../examples/replay/${mapping}`, import.meta.url)),
    stateFile: join(mkdtempSync(join(folders, 'x')), 'state.json'),
    now: Date.now,
    signal: new AbortController().signal,
  })
  const all: T[] = []
  for (let offset = 0, { latest } = await log.ends(`e.${topic}`, 0); offset < latest; ) {
    const records = await log.read(`e.${topic}`, 0, offset)
    for (const { value } of records) all.push(wire.decode(topic, value!) as T)
    offset = records.at(-1)!.offset + 1
  }
  return all
}

/** Everybody's vectors, with versions; a film's content changes now and then. */
function putFilm(stores: readonly FeatureStore[], { item_id, text, attributes }: Item, version: number): void {
  const vector = vectorToBytes(hashedVector({ id: item_id, text: `${text} ${version}`, attributes }, dimensions))
  const features = { item_id, feature_version: version, encoder_version: 'h', vector, attributes, available: true }
  const value = { ...features, feature_key: `${item_id}@${version}`, time_ms: version }
  for (const store of stores) store.put(wire.decode('features', wire.encode('features', value)) as typeof value)
}

/** Scores nothing, and keeps the state that it was to score with. */
function spy(seen: Float64Array[]): Serving {
  const policy: Policy = {
    version: '000001',
    algorithm: 'linear-gaussian',
    scorer(state, { vectors }) {
      seen.push(state)
      const mean = Float64Array.from(vectors, vector => vector[0]! * state[1]!)
      return { mean, deviation: mean.map(() => 0.1) }
    },
  }
  return { policy, releaseVersion: 'r', mode: 'online', evidence: {} }
}

/** One step, its inputs and outputs as bytes on the way. */
function stepper<S extends StageState, V>(stage: Stage<S, V>, state: S, over = wire) {
  return (inputs: readonly [TopicName, unknown][], timeMs: number, view: V): readonly Output[] => {
    const decoded = inputs.map(([topic, value]) => input(topic, over.decode(topic, wire.encode(topic, value))))
    const { outputs, refusals } = stage.step(state, decoded, { timeMs, watermarkMs: timeMs }, view)
    assert.deepEqual(refusals, [])
    state.commit()
    return outputs
  }
}

test('the encoding of a decision and that of its transition are the same bits, over MovieLens', {
  timeout: 180_000,
}, async t => {
  if (!existsSync(data)) return t.skip(`${data} is absent (FEEDLOOP_DATA names the folder)`)
  const films = await read<Item>('items', 'movies.csv', 'ml-latest-small-movies.yaml')
  const ratings = await read<BehaviorEvent>('events', 'ratings.csv', 'ml-latest-small.yaml')
  assert.equal(ratings.length, RATINGS)
  ratings.sort((a, b) => a.time_ms - b.time_ms)

  const random = createRandom(1)
  const any = (limit: number): number => Math.floor(random.uniform() * limit)
  const [rankers, learners] = [createFeatureStore(), createFeatureStore()]
  for (const film of films) putFilm([rankers, learners], film, 1)
  const seen: Float64Array[] = []
  const serving = spy(seen)
  const ranker = createRanker(config)
  const decide = stepper(ranker, await ranker.open(0))
  const joiner = createJoiner(config)
  const joiners = joinersWire(wire)
  const join = stepper(joiner, await joiner.open(0), joiners)
  const encoder = createStateEncoder(config)
  const learn = createExampleEncoder({ encoder, dimensions, usesCandidates: false, weightOf: () => 1 })

  const asked = (rating: BehaviorEvent, number: number): Request =>
    request({
      request_id: `q${number}`,
      user_id: rating.user_id,
      time_ms: rating.time_ms,
      context: { hour: any(24), page: `p${any(100)}`, night: any(2) === 0 },
      candidates: [...new Set([rating.item_id!, films[any(films.length)]!.item_id])],
    })
  const liked = (rating: BehaviorEvent): BehaviorEvent => ({
    ...rating,
    event_id: `l${rating.event_id}`,
    type: 'like',
    value: null,
    time_ms: rating.time_ms - any(86_400_000),
  })
  const grown = ({ user_id, time_ms }: BehaviorEvent, version: number) => {
    const vector = hashedVector({ id: user_id, text: `${version}`, attributes: {} }, dimensions)
    return profile({ user_id, profile_version: version, vector: vectorToBytes(vector), time_ms })
  }
  let compared = 0
  for (let from = 0; from < RATINGS; from += STEP) {
    const batch = ratings.slice(from, from + STEP)
    for (let i = 0; i < 5; i++) putFilm([rankers, learners], films[any(films.length)]!, from + 2)
    const late = batch.filter((_, i) => i % 7 === 0).map(liked)
    const requests = batch.filter((_, i) => i % ASKED_EVERY === 0).map((rating, i) => asked(rating, from + i))
    const inputs: [TopicName, unknown][] = [
      ['profiles', grown(batch[0]!, from + 1)],
      ...[...batch, ...late].map((event): [TopicName, unknown] => ['events', event]),
      ...requests.map((value): [TopicName, unknown] => ['requests', value]),
    ]
    const nowMs = batch.at(-1)!.time_ms
    const view = { features: rankers, serving: () => serving, catalogueReady: true }
    const before = seen.length
    const decisions = decide(inputs, nowMs, view)
    assert.deepEqual([decisions.length, seen.length - before], [requests.length, requests.length])
    const byId = new Map(requests.map(({ request_id }, i) => [request_id, seen[before + i]!]))
    const written = join(
      decisions.map(({ value }): [TopicName, unknown] => ['recommendations', value]),
      nowMs,
      undefined,
    )
    for (const { value } of written) {
      const transition = wire.decode('transitions', joiners.encode('transitions', value)) as Transition
      if (transition.kind !== 'initial') continue
      const example = learn.encode(transition, learners)
      assert.ok(typeof example !== 'string', `${example}`)
      assert.deepEqual(bitsOf(example.state), bitsOf(byId.get(transition.decision_id)!), transition.decision_id)
      compared++
    }
  }
  assert.equal(compared, seen.length)
  assert.equal(
    compared,
    Math.ceil(STEP / ASKED_EVERY) * Math.floor(RATINGS / STEP) + Math.ceil((RATINGS % STEP) / ASKED_EVERY),
  )
  for (let d = 0; d < encoder.dimensions; d++)
    assert.ok(new Set(seen.map(state => state[d])).size > (d === 0 ? 0 : 2), `dimension ${d} is at work`)
})

const bitsOf = (state: Float64Array): Buffer => Buffer.from(state.buffer, state.byteOffset, state.byteLength)
