/**
 * The ranker as a service against a bare echo on the same chain, client, broker and run: latency from the scheduled time
 * and CPU a decision, Kafka to Kafka and over HTTP, its largest rate, model versions taken over under load, and its own
 * work without any log. Alternating in one run; medians of the rounds; see bench/README.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { ModelVersion, Recommendation } from '../schemas/records.ts'
import { type Config, parseConfig } from '../src/config.ts'
import { createFeatureStore } from '../src/features/store.ts'
import { type Bus, findBus } from '../src/log/open.ts'
import { applyTopics, topicSpecs } from '../src/log/topics.ts'
import { createWire } from '../src/log/wire/create.ts'
import { suitCollector } from '../src/operate/collector.ts'
import type { ServiceContext } from '../src/operate/context.ts'
import { settle } from '../src/operate/settle.ts'
import { childWith } from './join/process.ts'
import type { BenchOptions, BenchResult } from './main.ts'
import { barsOf, type Found } from './rank/bars.ts'
import { type Contestant, startContestant, startGenerator } from './rank/contestants.ts'
import { type OwnRanker, openOwn } from './rank/own.ts'
import { CANDIDATES, cells, type Field, largestRate, RATES, swaps, warmUp } from './rank/parts.ts'
import { createPublisher, publishWorld } from './rank/publish.ts'
import { trainVersions } from './rank/train.ts'
import { itemFeatures, settingsOf } from './rank/world.ts'

const SMALL = 10_000
const LARGE = 1_000_000
/** Parts, each of the catalogue `10k` or `1m` that its name ends with. */
const PARTS = ['own-10k', 'own-1m', 'kafka-10k', 'kafka-1m', 'http-10k', 'http-1m', 'rate-10k', 'swap-10k'] as const
const QUICK = ['own-10k', 'kafka-10k', 'http-10k', 'swap-10k']
/** Versions of which one is a full checkpoint, which costs the most to take over: one a round at least. */
const FULL_EVERY = 4
const SETTLE_MS = 120_000

interface Settings {
  readonly rounds: number
  readonly seconds: number
  readonly quick: boolean
  readonly say: (line: string) => void
}

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  // the own work has the ranker's collector, but for its threads: what is taken is the CPU of the main one
  suitCollector(['ranker'], false)
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

interface Trained {
  readonly config: Config
  readonly versions: readonly ModelVersion[]
  readonly own: OwnRanker
}

/** Everything of one catalogue. */
async function measure(items: number, parts: readonly string[], settings: Settings, found: Found): Promise<void> {
  const versions = parts.includes('swap') ? 1 + settings.rounds * Math.floor(settings.seconds) : 1
  const trained = await train(items, versions)
  settings.say(`${items} items, ${versions} versions`)
  if (parts.includes('own')) found.own.push(...ownWork(items, trained, settings.say))
  const overHttp = (part: string): boolean => part === 'http'
  const groups = [parts.filter(part => part !== 'own' && !overHttp(part)), parts.filter(overHttp)]
  for (const group of groups) if (group.length > 0) await onBus(items, group, trained, settings, found)
}

async function train(items: number, count: number): Promise<Trained> {
  const settings = settingsOf(`bench-rank-${process.pid}-${items}.`)
  const config = parseConfig({ ...settings, learner: { fullEvery: FULL_EVERY } })
  const features = createFeatureStore()
  for (const item of itemFeatures(items, Date.now())) features.put(item)
  const versions = await trainVersions(config, features, count)
  return { config, versions, own: await openOwn(config, features, versions[0]) }
}

const ownWork = (items: number, { own }: Trained, say: Settings['say']) =>
  CANDIDATES.flatMap(candidates => [{ candidates }, { candidates, slots: 10 }]).map(load => {
    const work = { items, ...load, ...own.measure(load) }
    say(JSON.stringify(work))
    return work
  })

/** A decision like those that are measured. */
const sampleOf = (own: OwnRanker, candidates: number): Recommendation =>
  own.deciding({ candidates, slots: 1 }, 1)()[0].value as Recommendation

async function onBus(items: number, parts: readonly string[], trained: Trained, settings: Settings, found: Found) {
  const { config, versions, own } = trained
  const { prefix, partitions } = config.topics
  const echo = parseConfig(settingsOf(`echo-${prefix}`))
  const canned = Object.fromEntries(CANDIDATES.map(candidates => [candidates, sampleOf(own, candidates)]))
  const bus = await findBus({ kind: 'kafka', logger: pino({ level: 'silent' }), lasting: true })
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-bench-'))
  const contestants: Contestant[] = []
  const generator = startGenerator(childWith('Broker'))
  try {
    for (const { topics } of [config, echo]) await applyTopics(bus.log, topicSpecs({ ...topics, policies: 1 }))
    const place = { log: bus.log, wire: await createWire({ prefix }), prefix }
    const publisher = createPublisher(place, versions)
    await publishWorld(place, items, partitions)
    await publisher.next()
    settings.say(`published at ${bus.place}`)
    const at = { brokers: bus.brokers!, folder, gateways: parts.includes('http') }
    contestants.push(await startContestant(at, 'ranker', prefix, canned))
    contestants.push(await startContestant(at, 'echo', echo.topics.prefix, canned))
    const idle = async () => {
      for (const each of [config, echo]) await settle(settling(bus, each), ['ranker'], SETTLE_MS)
    }
    const field = { items, ...settings, generator, contestants, idle }
    await onField(field, parts, publisher, found)
  } finally {
    await Promise.all(contestants.map(each => each.stop()))
    await generator.stop()
    await bus.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function onField(
  field: Field & Pick<Settings, 'quick'>,
  parts: readonly string[],
  publisher: ReturnType<typeof createPublisher>,
  found: Found,
): Promise<void> {
  await field.idle()
  await warmUp({ ...field, seconds: field.quick ? 1 : 8 }, parts.includes('http') ? ['http', 'kafka'] : ['kafka'])
  for (const door of ['kafka', 'http'] as const)
    if (parts.includes(door)) found.cells.push(...(await cells(field, door, field.quick ? [500] : RATES)))
  if (parts.includes('rate'))
    for (const candidates of CANDIDATES) found.rates.push(await largestRate(field, candidates))
  if (parts.includes('swap')) found.swaps.push(await swaps(field, publisher))
}

const settling = ({ log }: Bus, config: Config): ServiceContext =>
  ({ config, log, now: Date.now }) as unknown as ServiceContext
