import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recommendation } from '../../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../../src/config.ts'
import { createFeatureStore, type FeatureStore, vectorToBytes } from '../../../src/features/store.ts'
import { createMeter } from '../../../src/metrics.ts'
import type { Policy } from '../../../src/models/policy.ts'
import type { RankerView } from '../../../src/ranker/decide.ts'
import { createSearchAhead } from '../../../src/ranker/retrieval/ahead.ts'
import { indexOf } from '../../../src/ranker/retrieval/catalogue-index.ts'
import { createFollowing } from '../../../src/ranker/retrieval/following.ts'
import { historyRetrieval } from '../../../src/ranker/retrieval/history.ts'
import { startScanThread } from '../../../src/ranker/retrieval/thread.ts'
import { passes, passProbabilityOf } from '../../../src/ranker/shed.ts'
import { createRanker, type RankerState } from '../../../src/ranker/step.ts'
import type { Input } from '../../../src/stage.ts'
import { createStateEncoder } from '../../../src/state/encode.ts'
import { createRandom } from '../../../src/state/random.ts'
import { event, initialServing, input, nowMs, profile, request, serve } from '../fixtures.ts'
import { chiSquareBound, chiSquareZ } from '../statistics.ts'
import { exactBest, vectorsLike } from './vectors.ts'

const dimensions = 8
const tick = { timeMs: nowMs, watermarkMs: -1 }

type Settings = NonNullable<NonNullable<ConfigInput['policies']>[number]['candidates']>

const configured = (candidates: Settings) =>
  parseConfig({
    features: { dimensions },
    policies: [{ candidates: { max: 20, explorationShare: 0.2, ...candidates } }],
  })

const { vectors } = vectorsLike('topics', 400, dimensions, 0)

interface Item {
  readonly id: string
  readonly row: number
  readonly available?: boolean
  readonly attributes?: Record<string, string | number | boolean>
  readonly timeMs?: number
}

function put(store: FeatureStore, { id, row, available = true, attributes = {}, timeMs = 1 }: Item): void {
  store.put({
    feature_key: `${id}@${row + 1}`,
    item_id: id,
    feature_version: row + 1,
    encoder_version: 'test-1',
    vector: vectorToBytes(vectors[row]),
    attributes,
    available,
    time_ms: timeMs,
  })
}

/** Items 0 … 399 by name of their rows. */
function catalogue(of: (row: number) => Omit<Item, 'id' | 'row'> = () => ({})): FeatureStore {
  const store = createFeatureStore()
  for (let row = 0; row < vectors.length; row++) put(store, { id: String(row), row, ...of(row) })
  return store
}

interface World {
  readonly config: ReturnType<typeof configured>
  readonly features: FeatureStore
  readonly policy?: Policy
}

const viewOf = ({ features, policy }: World): RankerView => ({
  features,
  serving: policy ? serve(policy) : () => initialServing,
  catalogueReady: true,
})

/** The last request's decision. */
function decide(world: World, inputs: readonly Input[], view = viewOf(world)) {
  const ranker = createRanker(world.config)
  const state = ranker.open(0) as RankerState
  const { outputs, counts } = ranker.step(state, inputs, tick, view)
  return { decision: outputs.at(-1)!.value as Recommendation, counts }
}

const liked = (row: number) => input('events', event({ item_id: String(row), event_id: `e${row}` }))
const asked = (over: Parameters<typeof request>[0] = {}) => input('requests', request(over))
const bySource = (decision: Recommendation) =>
  Object.fromEntries(
    Object.entries(Object.groupBy(decision.candidates, ({ source }) => source)).map(([source, those]) => [
      source,
      those!.map(({ item_id }) => Number(item_id)),
    ]),
  )

test('a history finds the items most like it, and a share is drawn from the others', () => {
  const world = { config: configured({}), features: catalogue() }
  const { decision } = decide(world, [liked(7), asked()])
  assert.equal(decision.retrieval_version, 'history-1')
  const { retrieval, exploration } = bySource(decision)
  assert.deepEqual(retrieval, exactBest(vectors.keys(), vectors, vectors[7], 16))
  assert.equal(new Set([...retrieval, ...exploration]).size, 20)
  for (const { source, inclusion_probability } of decision.candidates)
    assert.equal(inclusion_probability, source === 'retrieval' ? 1 : 4 / (400 - 16))
})

test('what changes in the catalogue is found at once', () => {
  const world = {
    config: configured({ filters: ['item.kind != "hidden"'] }),
    features: catalogue(() => ({ attributes: { kind: 'a' } })),
  }
  const best = () => bySource(decide(world, [liked(7), asked()]).decision).retrieval
  const [first, second, third] = best()
  put(world.features, { id: String(first), row: first, available: false, timeMs: 2 })
  put(world.features, { id: String(second), row: second, attributes: { kind: 'hidden' }, timeMs: 2 })
  assert.equal(best()[0], third)
  put(world.features, { id: String(first), row: first, attributes: { kind: 'a' }, timeMs: 3 })
  put(world.features, { id: 'new', row: first, attributes: { kind: 'a' } })
  const { candidates } = decide(world, [liked(7), asked()]).decision
  assert.deepEqual(
    candidates.slice(0, 2).map(each => each.item_id),
    [String(first), 'new'],
  )
})

test('nothing to search by: drawn at random, each with its probability', () => {
  const { decision } = decide({ config: configured({}), features: catalogue() }, [asked()])
  assert.equal(decision.retrieval_version, 'catalogue-1')
  assert.equal(decision.candidates.length, 20)
  for (const each of decision.candidates)
    assert.deepEqual([each.source, each.inclusion_probability], ['catalogue', 20 / 400])
})

test('what is only logged is not searched for: candidates are drawn', () => {
  const world = { config: configured({}), features: catalogue() }
  const view: RankerView = { ...viewOf(world), serving: () => ({ ...initialServing, mode: 'logging_only' }) }
  const { decision } = decide(world, [liked(7), asked({ baseline: ['3'] })], view)
  assert.equal(decision.retrieval_version, 'catalogue-1')
  const drawn = decision.candidates.filter(({ item_id }) => item_id !== '3')
  for (const each of drawn) assert.deepEqual([each.source, each.inclusion_probability], ['catalogue', 20 / 400])
})

test('what the model has learned of is scored by it, best first', () => {
  const policy: Policy = {
    version: '1',
    algorithm: 'linear-gaussian',
    knownItems: () => ['3', '5', 'gone', ...Array.from({ length: 12 }, (_, i) => String(100 + i))],
    scorer: (_, { itemIds }) => ({
      mean: Float64Array.from(itemIds, Number),
      deviation: new Float64Array(itemIds.length),
    }),
  }
  const world = { config: configured({}), features: catalogue(row => ({ available: row !== 111 })), policy }
  const { model, retrieval, exploration } = bySource(decide(world, [liked(7), asked()]).decision)
  assert.deepEqual(model, [110, 109, 108, 107, 106, 105, 104, 103])
  assert.deepEqual([retrieval.length, exploration.length], [8, 4])
  const cold = bySource(decide(world, [asked()]).decision)
  assert.deepEqual([cold.model.length, cold.catalogue.length], [8, 12])
})

const towers = (version: string, sign: number): Policy => ({
  version,
  algorithm: 'two-tower',
  retrieval: {
    space: 'towers',
    version,
    dimensions: 2,
    query: () => Float32Array.of(sign, 0),
    place(vector, out) {
      out.set([sign * vector[0], 1])
      return 0
    },
    scores: (_, candidates) => Float64Array.from(candidates.vectors, vector => vector[0]),
  },
  scorer: (_, { vectors: those }) => ({
    mean: Float64Array.from(those, vector => vector[0]),
    deviation: new Float64Array(those.length),
  }),
})

test('items follow the serving version, a round at a time; until the first is over the space of before is searched', () => {
  const world = { config: configured({}), features: catalogue() }
  const index = indexOf(world.features, world.config.policies[0])
  const decideBy = (policy: Policy) =>
    decide(world, [liked(7), asked()], { ...viewOf({ ...world, policy }), following: true }).decision
  const [towers1, towers2] = [towers('1', 1), towers('2', -1)]
  index.follow(historyRetrieval(createStateEncoder(world.config))!, 400)
  index.follow(towers1.retrieval!, 256)
  assert.equal(decideBy(towers1).retrieval_version, 'history-1')
  assert.equal(index.behind, 400 - 256)
  index.follow(towers1.retrieval!, 256)
  const second = decideBy(towers1)
  assert.equal(second.retrieval_version, 'towers-1')
  const best = vectors.map((vector, row) => ({ row, score: vector[0] })).sort((a, b) => b.score - a.score)
  const found = best.slice(0, 16).map(({ row }) => row)
  assert.deepEqual(bySource(second).retrieval, found)
  for (const behind of [400 - 256, 0]) {
    index.follow(towers2.retrieval!, 256)
    assert.equal(index.behind, behind)
  }
  assert.deepEqual(bySource(decideBy(towers2)).retrieval, found)
})

test('where nothing makes items follow, a decision depends on none before it', () => {
  const world = { config: configured({}), features: catalogue() }
  const by = (policy?: Policy) => decide({ ...world, policy }, [liked(7), asked()]).decision
  const unknown = () => decide({ ...world, config: withoutHistory }, [liked(7), asked()]).decision
  const withoutHistory = { ...world.config, state: { ...world.config.state, blocks: ['context' as const] } }
  const [history, first, nothing] = [by(), by(towers('1', 1)), unknown()]
  assert.deepEqual(
    [history, first, nothing].map(each => each.retrieval_version),
    ['history-1', 'towers-1', 'catalogue-1'],
  )
  assert.deepEqual(
    [unknown(), by(towers('2', -1)).candidates, by(), by(towers('1', 1))],
    [nothing, first.candidates, history, first],
  )
})

test('items follow the largest share of the users that orders them', async () => {
  const followed = async (answering: readonly (Policy | null)[], retrieval: Settings['retrieval'] = 'model') => {
    const config = configured({ retrieval })
    const features = catalogue()
    await createFollowing(config, features, () => answering, createMeter()).first(AbortSignal.timeout(10_000))
    return indexOf(features, config.policies[0]).placed?.retrieval.space
  }
  assert.equal(await followed([towers('1', 1), null]), 'towers')
  assert.equal(await followed([null, towers('1', 1)]), 'history')
  assert.equal(await followed([towers('1', 1), null], 'history'), 'history')
})

test('conditions of the request: enough is found and drawn beyond what they leave out', () => {
  const world = {
    config: configured({ filters: ['item.region == context.country', 'item.rating <= user.age'] }),
    features: catalogue(row => ({ attributes: { region: row % 20 === 0 ? 'DE' : 'FR', rating: 16 } })),
  }
  const people = [input('profiles', profile({ attributes: { age: 18 } })), liked(7)]
  const { decision } = decide(world, [...people, asked({ context: { country: 'DE' } })])
  const { retrieval } = bySource(decision)
  const german = [...vectors.keys()].filter(row => row % 20 === 0)
  assert.deepEqual(retrieval, exactBest(german, vectors, vectors[7], 16))
  assert.deepEqual(
    decision.candidates.map(({ item_id }) => Number(item_id)).sort((a, b) => a - b),
    german,
  )
  assert.ok(decision.candidates.every(each => each.inclusion_probability === 1))
  const young = decide(world, [liked(7), asked({ context: { country: 'DE' } })])
  assert.deepEqual([young.decision.reason, young.decision.candidates], ['no_candidate_left', []])
  const failed = young.counts.find(({ metric }) => metric === 'feedloop_conditions_failed_total')
  assert.deepEqual(failed?.labels, { condition: 'item.rating <= user.age' })
  assert.ok(failed!.value > 0)
})

test('what must not be shown takes up no place: what was seen, is excluded or banned', () => {
  const nearest = exactBest(vectors.keys(), vectors, vectors[7], 110)
  const [excluded, banned] = [nearest.slice(1, 50).map(String), nearest.slice(50, 100).map(String)]
  const config = parseConfig({
    features: { dimensions },
    policies: [{ candidates: { max: 20, explorationShare: 0.5 }, constraints: { banned, excludeSeen: {} } }],
  })
  const world = { config, features: catalogue() }
  const { decision } = decide(world, [liked(7), asked({ excluded })])
  const { retrieval } = bySource(decision)
  assert.equal(nearest[0], 7)
  assert.deepEqual(retrieval, nearest.slice(100))
  assert.deepEqual(decision.constraints.masked, [])
  for (const { source, inclusion_probability } of decision.candidates)
    assert.equal(inclusion_probability, source === 'retrieval' ? 1 : 10 / (400 - 100 - 10))
})

test('filters hold for the candidates of a request too', () => {
  const world = {
    config: configured({ filters: ['item.region == "DE"'] }),
    features: catalogue(row => (row < 2 ? { attributes: { region: row === 0 ? 'DE' : 'FR' } } : {})),
  }
  const { decision, counts } = decide(world, [asked({ candidates: ['0', '1', '2'] })])
  assert.deepEqual(
    decision.candidates.map(({ item_id }) => item_id),
    ['0'],
  )
  const dropped = counts.find(({ metric }) => metric === 'feedloop_candidates_dropped_total')
  assert.deepEqual([dropped?.labels, dropped?.value], [{ reason: 'filtered' }, 2])
})

/** How often each of 400 items is a candidate, and with what probability it says it is. */
function drawMany(world: World, over: Parameters<typeof request>[0] = {}, runs = 4000) {
  const ranker = createRanker(world.config)
  const state = ranker.open(0) as RankerState
  const asks = Array.from({ length: runs }, (_, i) => asked({ ...over, request_id: `r${i}` }))
  const { outputs } = ranker.step(state, asks, tick, viewOf(world))
  const times = new Float64Array(400)
  const claimed = new Float64Array(400)
  const sizes = new Set<number>()
  for (const { value } of outputs) {
    const { candidates } = value as Recommendation
    sizes.add(candidates.length)
    for (const { item_id, inclusion_probability } of candidates) {
      times[Number(item_id)]++
      claimed[Number(item_id)] = inclusion_probability
    }
  }
  const agree = (isIn: (row: number) => boolean): void => {
    const rows = [...times.keys()].filter(isIn)
    const total = rows.reduce((sum, row) => sum + times[row], 0)
    const expected = runs * rows.reduce((sum, row) => sum + claimed[row], 0)
    assert.ok(Math.abs(total - expected) < 4 * Math.sqrt(expected), `${total} of ${expected}`)
    const cells = rows.map(row => ({ observed: times[row], expected: runs * claimed[row] }))
    assert.ok(chiSquareZ(cells) < chiSquareBound)
  }
  return { claimed, sizes, agree }
}

test('new items come first, and every drawn item was as likely as it says', () => {
  const isNew = (row: number) => row % 40 === 0
  const world = {
    config: configured({ newWithinMs: 1000, retrieval: 'history' }),
    features: catalogue(row => ({ timeMs: isNew(row) ? nowMs - 500 : nowMs - 5000 })),
  }
  const { claimed, agree } = drawMany(world)
  const p1 = 4 / 10
  const p2 = 16 / (400 - 4)
  for (const [row, claim] of claimed.entries())
    assert.ok(Math.abs(claim - (isNew(row) ? p1 + (1 - p1) * p2 : p2)) < 1e-12)
  agree(isNew)
  agree(row => !isNew(row))
})

test('who is hidden or meets no condition is replaced in the draw: all places are filled, each as likely as it says', () => {
  const isNew = (row: number) => row % 10 === 0
  const world = {
    config: configured({ newWithinMs: 1000, filters: ['item.half == context.half'] }),
    features: catalogue(row => ({
      attributes: { half: row < 200 ? 'first' : 'second' },
      timeMs: isNew(row) ? nowMs - 500 : nowMs - 5000,
    })),
  }
  const excluded = Array.from({ length: 100 }, (_, row) => String(row))
  const { claimed, sizes, agree } = drawMany(world, { excluded, context: { half: 'first' } })
  assert.deepEqual([...sizes], [20])
  const p1 = 4 / 10
  const p2 = 16 / (100 - 4)
  for (const [row, claim] of claimed.entries()) {
    const expected = row < 100 || row >= 200 ? 0 : isNew(row) ? p1 + (1 - p1) * p2 : p2
    assert.ok(Math.abs(claim - expected) < 1e-12, `${row}: ${claim}, not ${expected}`)
  }
  agree(row => claimed[row] > 0 && isNew(row))
  agree(row => claimed[row] > 0 && !isNew(row))
})

test('in a large catalogue who meets no condition is left out of the draw: the others are as likely as before', () => {
  const config = configured({ filters: ['item.half == context.half'] })
  const features = catalogue(row => ({ attributes: { half: row % 2 } }))
  for (let row = 400; row < 5000; row++)
    put(features, { id: String(row), row: row % 400, attributes: { half: row % 2 } })
  const { decision } = decide({ config, features }, [asked({ context: { half: 1 }, excluded: ['1', 'nobody'] })])
  const { candidates } = decision
  assert.ok(candidates.length > 0 && candidates.length < 20)
  for (const { item_id, inclusion_probability } of candidates)
    assert.deepEqual([Number(item_id) % 2, inclusion_probability], [1, 20 / 4999])
})

const failedIn = (counts: ReturnType<typeof decide>['counts']) =>
  counts.find(({ metric }) => metric === 'feedloop_conditions_failed_total')?.value

test('a row is looked at once a request, and where conditions fail no more of them than must be', () => {
  const config = configured({ max: 80, filters: ['item.rating <= user.age'] })
  const features = catalogue(row => ({ attributes: { rating: row % 10 === 0 ? 'none' : 16 } }))
  const grown = [input('profiles', profile({ attributes: { age: 18 } }))]
  const some = decide({ config, features }, [...grown, asked()])
  assert.equal(failedIn(some.counts), 40)
  assert.deepEqual(new Set(some.decision.candidates.map(each => each.inclusion_probability)), new Set([80 / 360]))
  const none = decide({ config, features }, [asked()])
  assert.deepEqual(none.decision.candidates, [])
  assert.ok(failedIn(none.counts)! >= 64 && failedIn(none.counts)! <= 64 + 80, String(failedIn(none.counts)))
  const searched = decide({ config, features }, [liked(7), asked()])
  assert.ok(failedIn(searched.counts)! <= 132 + 1 + 80, String(failedIn(searched.counts)))
  const knownItems = () => Array.from(vectors.keys(), String)
  const policy = { ...towers('1', 1), retrieval: undefined, knownItems }
  const learned = decide({ config, features, policy }, [asked()])
  assert.ok(failedIn(learned.counts)! <= 64 + 80, String(failedIn(learned.counts)))
})

test('nobody is looked at for a draw of none', () => {
  const config = configured({ explorationShare: 0, filters: ['item.rating <= user.age'] })
  const rated = createFeatureStore()
  const near = new Set(exactBest(vectors.keys(), vectors, vectors[7], 100))
  for (let row = 0; row < 400; row++)
    put(rated, { id: String(row), row, attributes: near.has(row) ? { rating: 16 } : {} })
  const grown = input('profiles', profile({ attributes: { age: 18 } }))
  const { decision, counts } = decide({ config, features: rated }, [grown, liked(7), asked()])
  assert.equal(decision.candidates.length, 20)
  assert.equal(failedIn(counts), undefined)
})

test('where conditions fail who meets none is left out of the draw: the others are as likely as they say', () => {
  const world = {
    config: configured({ filters: ['item.half == context.half'] }),
    features: catalogue(row => ({ attributes: { [row % 2 ? 'half' : 'other']: 'first' } })),
  }
  const { claimed, sizes, agree } = drawMany(world, { context: { half: 'first' }, excluded: ['1', '2'] }, 1500)
  assert.ok(sizes.size > 1)
  for (const [row, claim] of claimed.entries()) assert.equal(claim, row % 2 && row !== 1 ? 20 / 398 : 0)
  agree(row => claimed[row] > 0)
})

/** A catalogue that is too large to be scanned in a step. */
function largeCatalogue(): FeatureStore {
  const { vectors: many } = vectorsLike('topics', 3000, 64, 0)
  const features = createFeatureStore()
  const random = createRandom(5)
  for (let row = 0; row < 40_000; row++)
    features.put({
      feature_key: `${row}@1`,
      item_id: String(row),
      feature_version: 1,
      encoder_version: 'test-1',
      vector: vectorToBytes(many[row % 3000].map(value => value + 0.05 * random.normal())),
      attributes: {},
      available: true,
      time_ms: 1,
    })
  return features
}

test('a search ahead finds what the step would, for the user as the step will see him', async () => {
  const config = parseConfig({
    features: { dimensions: 64 },
    step: { maxRecords: 100 },
    policies: [{ candidates: { max: 50, filters: ['item.id != context.not'] } }],
  })
  const features = largeCatalogue()
  const ranker = createRanker(config)
  const state = ranker.open(0) as RankerState
  const view: RankerView = { features, serving: () => initialServing, catalogueReady: true }
  const context = { not: '11' }
  const inputs = [
    liked(11),
    asked({ context }),
    asked({ request_id: 'r2', context }),
    asked({ request_id: 'r3', candidates: ['1'] }),
  ]
  const here = ranker.step(state, inputs, tick, view)
  state.discard!()
  const thread = startScanThread()
  try {
    const foundAhead = await createSearchAhead(config, thread.scan)({ inputs, state, tick }, view)
    assert.deepEqual([...foundAhead.keys()].sort(), ['r1', 'r2'])
    assert.equal(state.tables.people.get('ann'), undefined, 'the state is as it was')
    const there = ranker.step(state, inputs, tick, { ...view, foundAhead })
    assert.deepEqual(there, here)
    const { candidates, retrieval_version } = there.outputs[0].value as Recommendation
    assert.equal(retrieval_version, 'history-1')
    assert.ok(candidates.every(({ item_id }) => item_id !== '11'))
  } finally {
    await thread.close()
  }
  await assert.rejects(thread.scan(indexOf(features, config.policies[0]).placed!.rows, [], 1))
})

test('ahead nothing is searched that the step will not decide in full, and nobody is looked up for it', async () => {
  const shedding = { fromRequests: 1, perStep: 10, fromMs: 10, toMs: 20, leastPass: 0.02 }
  const policies = [
    { candidates: { max: 50 } },
    { name: 'logged', mode: 'logging_only' as const },
    { name: 'few', candidates: { filters: ['item.id in ["1", "2", "3"]'] } },
  ]
  const config = parseConfig({ features: { dimensions: 64 }, policies, shedding })
  const features = largeCatalogue()
  for (const policy of config.policies)
    indexOf(features, policy).follow(historyRetrieval(createStateEncoder(config))!, features.size)
  const serving = (policy: string) =>
    ({ ...initialServing, mode: policy === 'logged' ? 'logging_only' : 'online' }) as const
  const view: RankerView = { features, serving, catalogueReady: true, following: true }
  const searched = async (inputs: readonly Input[]) => {
    const state = createRanker(config).open(0) as RankerState
    const { people } = state.tables
    let lookedUp = 0
    const counting = Object.assign(Object.create(people), {
      get(key: string) {
        lookedUp++
        return people.get(key)
      },
    })
    const lent = {
      ...state,
      decidedIds: state.decidedIds,
      tables: { ...state.tables, people: counting },
    } as RankerState
    const scan: Parameters<typeof createSearchAhead>[1] = async (_, queries) => queries.map(() => new Int32Array())
    const found = await createSearchAhead(config, scan)({ inputs, state: lent, tick }, view)
    return { ids: [...found.keys()], lookedUp }
  }
  const ids = Array.from({ length: 100 }, (_, i) => `r${i}`)
  const burst = [liked(11), ...ids.map(request_id => asked({ request_id }))]
  const { ids: those } = await searched(burst)
  assert.deepEqual(
    those,
    ids.filter(id => passes(id, 0.1)),
  )
  const few = asked({ request_id: 'few', policy: 'few' })
  const mixed = [...burst, ...Array.from({ length: 10 }, () => few)]
  const requests = mixed.slice(1) as Parameters<typeof passProbabilityOf>[0]
  const passProbability = passProbabilityOf(requests, tick, config, features)
  assert.equal(passProbability, 10 / 110, 'three items are no more than one share')
  assert.deepEqual(
    (await searched(mixed)).ids,
    ids.filter(id => passes(id, passProbability)),
    'the coin of the step',
  )
  const decided = asked({ request_id: 'named', candidates: ['1'] })
  const others = [
    asked({ deadline_ms: nowMs - 1 }),
    asked({ request_id: 'r2', slots: 0 }),
    asked({ request_id: 'r3', policy: 'logged' }),
    asked({ request_id: 'r4', policy: 'nobody' }),
    decided,
    asked({ request_id: 'named' }),
  ]
  assert.deepEqual(await searched([liked(11), ...others]), { ids: [], lookedUp: 0 })
})
