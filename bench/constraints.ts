/**
 * What constraints add to a decision: 1,000 candidates of 64 dimensions, slates of ten, softmax. Decisions without constraints
 * and with each kind in turns, in this thread; no log, no encoding. `--rounds` sets the rounds, `--only quotas,dpp` the kinds.
 */
import { type ConfigInput, parseConfig } from '../src/config.ts'
import { createFeatureStore, vectorToBytes } from '../src/features/store.ts'
import { createDecide, type RankerView } from '../src/ranker/decide.ts'
import { createRandom } from '../src/state/random.ts'
import { applyEvent, newUser } from '../src/state/user.ts'
import { event, nowMs, request, serve } from '../test/ranker/fixtures.ts'
import type { BenchOptions, BenchResult } from './main.ts'
import { median } from './rank/own.ts'

const CANDIDATES = 1000
const DIMENSIONS = 64
const SLOTS = 10
/** In a round, of each kind. */
const DECISIONS = 100
const BAR_MICROS = 1000

type Constraints = NonNullable<NonNullable<ConfigInput['policies']>[number]['constraints']>

/** A hundred sellers and eight categories: 108 groups that overlap. */
const attributes = (i: number) => ({
  seller: i % 100,
  category: (i * 7) % 8,
  margin: (i % 13) / 13,
  small: i % 5 === 0,
})
const names = (count: number, step: number) => Array.from({ length: count }, (_, i) => `i${i * step}`)

const quotas: Constraints['quotas'] = [
  { attribute: 'small', value: true, floor: 2 },
  { attribute: 'seller', cap: 1 },
  { attribute: 'category', cap: 3 },
]
const kinds: Readonly<Record<string, Constraints>> = {
  none: {},
  masks: { banned: names(50, 17), excludeSeen: {} },
  pins: {
    pinned: [
      { position: 0, item: 'i3' },
      { position: 4, item: 'i4' },
    ],
  },
  quotas: { quotas: quotas.slice(1) },
  floors: { quotas },
  boosts: {
    boosts: [
      { when: 'item.margin > 0.3', shift: 0.5 },
      { when: 'item.small', shift: 0.2 },
    ],
  },
  mmr: { diversity: { kind: 'mmr' } },
  dpp: { diversity: { kind: 'dpp' } },
}
const all: Constraints = Object.assign({}, ...Object.values(kinds))

export async function bench({ args }: BenchOptions): Promise<BenchResult> {
  const rounds = Number(args.rounds ?? 40)
  const only = args.only === undefined ? undefined : ['none', ...String(args.only).split(',')]
  const decides = Object.entries({ ...kinds, all })
    .filter(([kind]) => only?.includes(kind) ?? true)
    .map(([kind, constraints]) => ({ kind, decide: decider(constraints) }))
  const micros = new Map(decides.map(({ kind }) => [kind, [] as number[]]))
  // The first quarter warms up.
  for (let round = 0; round < 1.25 * rounds; round++)
    for (const { kind, decide } of decides) {
      const { user: begun } = process.threadCpuUsage()
      for (let i = 0; i < DECISIONS; i++) decide(`${round}-${i}`)
      if (round >= rounds / 4) micros.get(kind)!.push((process.threadCpuUsage().user - begun) / DECISIONS)
    }
  const decision = Object.fromEntries([...micros].map(([kind, each]) => [kind, median(each)]))
  const added = Object.fromEntries(Object.entries(decision).map(([kind, each]) => [kind, each - decision.none]))
  return {
    results: { candidates: CANDIDATES, slots: SLOTS, decisionMicros: decision, addedMicros: added },
    bars: Object.entries(added).map(([kind, value]) => ({
      name: `${kind}: added to a decision`,
      value,
      unit: 'µs',
      atMost: BAR_MICROS,
    })),
  }
}

/** Decides on a request of a given id. */
function decider(constraints: Constraints) {
  const { features, scores, itemIds } = world()
  const config = parseConfig({
    features: { dimensions: DIMENSIONS },
    policies: [{ explorer: { name: 'softmax' }, constraints }],
  })
  const seen = names(20, 31).map((item_id, i) => event({ event_id: `e${i}`, item_id, time_ms: nowMs - 1000 }))
  const user = seen.reduce((user, each) => applyEvent(user, each, config.state), newUser)
  const serving = serve({
    version: '000001',
    algorithm: 'linear-gaussian',
    scorer: () => ({ mean: scores, deviation: scores }),
  })
  const view: RankerView = { features, serving, catalogueReady: true }
  const decide = createDecide(config)
  return (request_id: string) =>
    decide(request({ request_id, slots: SLOTS, candidates: itemIds }), user, nowMs, view).recommendation
}

function world() {
  const random = createRandom(1)
  const features = createFeatureStore()
  const itemIds = names(CANDIDATES, 1)
  for (const [i, item_id] of itemIds.entries())
    features.put({
      feature_key: `${item_id}@1`,
      item_id,
      feature_version: 1,
      encoder_version: 'bench-1',
      vector: vectorToBytes(Float32Array.from({ length: DIMENSIONS }, () => random.normal())),
      attributes: attributes(i),
      available: true,
      time_ms: nowMs,
    })
  return { features, itemIds, scores: Float64Array.from(itemIds, () => random.normal()) }
}
