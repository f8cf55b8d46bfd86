/**
 * The ranker as a service against a bare echo on the same chain, client, broker and run: latency from the scheduled time
 * and CPU a decision, Kafka to Kafka and over HTTP, its largest rate, model versions taken over under load, and its own
 * work without any log. Alternating in one run; medians of the rounds; see bench/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { parseConfig } from '../src/config.ts'
import { createFeatureStore, type FeatureStore } from '../src/features/store.ts'
import { type Bus, findBus } from '../src/log/open.ts'
import { applyTopics, topicSpecs } from '../src/log/topics.ts'
import { createWire } from '../src/log/wire/create.ts'
import { createLogger } from '../src/operate/context.ts'
import { settle } from '../src/operate/settle.ts'
import { childWith } from './join/process.ts'
import type { BenchOptions, BenchResult } from './main.ts'
import { barsOf, type Found } from './rank/bars.ts'
import { type Contestant, startContestant, startGenerator } from './rank/contestants.ts'
import { openOwn } from './rank/own.ts'
import { CANDIDATES, cells, type Field, largestRate, swaps, warmUp } from './rank/parts.ts'
import { createPublisher, publishWorld } from './rank/publish.ts'
import { trainVersions } from './rank/train.ts'
import { itemFeatures, settingsOf } from './rank/world.ts'

const SMALL = 10_000
const LARGE = 1_000_000
/** Parts, each of the catalogue `10k` or `1m` that its name ends with. */
const PARTS = ['own-10k', 'own-1m', 'kafka-10k', 'kafka-1m', 'http-10k', 'http-1m', 'rate-10k', 'swap-10k'] as const
const QUICK = ['own-10k', 'kafka-10k', 'http-10k', 'swap-10k']
const SETTLE_MS = 120_000

interface Settings {
  readonly rounds: number
  readonly seconds: number
  readonly quick: boolean
  readonly say: (line: string) => void
}

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const quick = args.quick === true
  const only = typeof args.only === 'string' ? args.only.split(',') : quick ? QUICK : PARTS
  const settings = {
    rounds: Number(args.rounds ?? (quick ? 1 : 3)),
    seconds: Number(args.seconds ?? (quick ? 2 : 5)),
    quick,
    say,
  }
  const found: Found = { own: [], cells: [], rates: [], swaps: [] }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  for (const [name, size] of [
    ['10k', SMALL],
    ['1m', LARGE],
  ] as const) {
    const parts = PARTS.filter(part => part.endsWith(`-${name}`) && only.includes(part)).map(part => part.split('-')[0])
    if (parts.length > 0) await measure(Math.round(size * Number(args.scale ?? 1)), parts, settings, found)
  }
  return { results: found, bars: barsOf(found) }
}

/** Everything of one catalogue. */
async function measure(items: number, parts: readonly string[], settings: Settings, found: Found): Promise<void> {
  const { say, rounds, seconds } = settings
  const prefix = `bench-rank-${process.pid}-${items}.`
  const config = parseConfig(settingsOf(prefix))
  const features = catalogueOf(items)
  const count = parts.includes('swap') ? 1 + rounds * Math.floor(seconds) : 1
  const versions = await trainVersions(config, features, count)
  say(`${items} items, ${count} versions, the first of ${bytesOf(versions[0])} bytes`)
  const own = await openOwn(config, features, versions[0])
  if (parts.includes('own')) {
    const loads = CANDIDATES.flatMap(candidates => [{ candidates }, { candidates, slots: 10 }])
    for (const load of loads) {
      found.own.push({ items, ...load, ...own.measure(load) })
      say(JSON.stringify(found.own.at(-1)))
    }
  }
  if (parts.every(part => part === 'own')) return
  const canned = Object.fromEntries(CANDIDATES.map(candidates => [candidates, own.sample(candidates)]))
  const bus = await findBus({ kind: 'kafka', logger: pino({ level: 'silent' }) })
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-bench-'))
  const contestants: Contestant[] = []
  const generator = startGenerator(childWith('Broker'))
  try {
    const wire = await createWire({ prefix })
    const place = { log: bus.log, wire, prefix }
    for (const each of [prefix, echoOf(prefix)])
      await applyTopics(bus.log, topicSpecs({ ...parseConfig(settingsOf(each)).topics, policies: 1 }))
    const publisher = createPublisher(place, versions)
    await publishWorld(place, items, config.topics.partitions)
    await publisher.next()
    say(`published at ${bus.place}`)
    const at = { brokers: bus.brokers!, folder }
    contestants.push(await startContestant(at, 'ranker', prefix, canned))
    contestants.push(await startContestant(at, 'echo', echoOf(prefix), canned))
    await settleRanker(bus, prefix)
    const field: Field = { items, seconds, rounds, generator, contestants, say }
    await warmUp({ ...field, seconds: settings.quick ? 1 : 3 })
    const rates = settings.quick ? [500] : undefined
    for (const door of ['kafka', 'http'] as const)
      if (parts.includes(door)) found.cells.push(...(await cells(field, door, rates)))
    if (parts.includes('rate'))
      for (const candidates of CANDIDATES) found.rates.push(await largestRate(field, candidates))
    if (parts.includes('swap')) found.swaps.push(await swaps(field, publisher))
  } finally {
    await Promise.all(contestants.map(each => each.stop()))
    await generator.stop()
    await bus.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const echoOf = (prefix: string): string => `echo-${prefix}`

function catalogueOf(items: number): FeatureStore {
  const features = createFeatureStore()
  for (const item of itemFeatures(items, Date.now())) features.put(item)
  return features
}

const bytesOf = ({ tensors }: { readonly tensors: readonly { readonly data: Buffer }[] }): number =>
  tensors.reduce((sum, { data }) => sum + data.length, 0)

/** Until the history has been read. */
async function settleRanker({ log }: Bus, prefix: string): Promise<void> {
  const config = parseConfig(settingsOf(prefix))
  const context = { config, log, now: Date.now, logger: createLogger('silent') }
  await settle(context as Parameters<typeof settle>[0], ['ranker'], SETTLE_MS)
}
