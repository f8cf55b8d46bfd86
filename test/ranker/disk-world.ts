/** A ranker with its state on disk or in snapshots, on an embedded log in a folder: what the crash tests and their child
 * process share. */
import { join } from 'node:path'
import pino from 'pino'
import { parseConfig } from '../../src/config.ts'
import { recover } from '../../src/log/chain/recover.ts'
import { type ChainIo, realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import type { Session } from '../../src/log/chain/session.ts'
import type { TaskOptions } from '../../src/log/chain/task.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { createMeter } from '../../src/metrics.ts'
import { localState } from '../../src/operate/local-state.ts'
import type { TopicName } from '../../src/pipeline.ts'
import type { RankerView } from '../../src/ranker/decide.ts'
import { rankerCodecs, rankerVersion } from '../../src/ranker/layout.ts'
import { withSnapshots } from '../../src/ranker/snapshots.ts'
import { heapTables, type RankerState } from '../../src/ranker/state.ts'
import { createRanker } from '../../src/ranker/step.ts'
import { createRandom } from '../../src/state/random.ts'
import { event, profile, request, view } from './fixtures.ts'

const prefix = 'w.'
/** Short, that snapshots are written while a test looks. */
const SNAPSHOT_MS = 40
export const chain = `${prefix}recommendations`

export interface World {
  readonly log: EmbeddedLog
  readonly options: TaskOptions<RankerState, RankerView>
  readonly dropped: () => Promise<string>
  /** A counter without labels. */
  counted(metric: string): Promise<number | undefined>
  /** Appends so many requests, and events and now and then profiles of the same users, some of them twice. */
  append(count: number): Promise<void>
  /** Recovers as a task does when it starts, from where its state is. */
  recover(where: Where): Promise<Session<RankerState>>
  /** As `recover`, from a log that is changed. */
  recoverOn(log: Log, where: Where): Promise<Session<RankerState>>
  readonly wire: Wire
  /** As `options`, with its state elsewhere. */
  optionsFor(where: Where): World['options']
  /** As `optionsFor`, on a log that is changed. */
  optionsOn(where: Where, log: Log): World['options']
}

/** On disk, in memory and in snapshots, or both; or in memory alone, from the topics. */
export type Where = 'disk' | 'snapshots' | 'both' | 'topics'

/** @param folder of the log; the state is in `state` beside it @param tasks where the state of `options` is */
export async function openWorld(folder: string, tasks: Where = 'disk'): Promise<World> {
  const log = openEmbeddedLog({ folder: join(folder, 'log') })
  await applyTopics(log, topicSpecs({ prefix, partitions: 1, policies: 1, replicationFactor: 1 }))
  const config = parseConfig({
    state: { folder: join(folder, 'state'), cacheBytes: 20_000, historyLength: 20, snapshotMs: SNAPSHOT_MS },
    topics: { prefix },
    limits: { requestDedupMs: 300 },
    policies: [{ name: 'default' }, { name: 'second' }],
  })
  const meter = createMeter()
  const logger = pino({ level: 'silent' })
  const wire = await createWire({ prefix })
  const openStore = localState(
    { config, logger, meter, now: Date.now },
    { stage: 'ranker', version: rankerVersion, codecs: rankerCodecs },
  )
  const rim = realRim(Date.now)
  const lent = view()
  const opener = (where: Where, on: Log) => async (partition: number) => {
    const store = where === 'disk' || where === 'both' ? await openStore!(partition) : heapTables()
    if (where === 'disk' || where === 'topics') return store
    return withSnapshots({ io: { log: on, rim, rules: chainRules }, wire, config, meter, logger, partition }, store)
  }
  const optionsWith = (where: Where, on: Log = log): World['options'] => ({
    log: on,
    wire,
    meter,
    logger,
    stage: createRanker(config, opener(where, on)),
    prefix,
    inputs: (['profiles', 'events', 'requests'] as const).map(topic => ({ topic, partition: 0 })),
    output: { topic: 'recommendations', partition: 0 },
    view: () => lent,
    now: Date.now,
    step: { intervalMs: 0, maxRecords: 50, maxBytes: 1 << 20, progressMs: 50, idleMs: 1000 },
  })
  const put = (topic: TopicName, values: readonly { readonly user_id: string }[]) =>
    log.append(
      `${prefix}${topic}`,
      0,
      values.map(value => ({ key: Buffer.from(value.user_id), value: wire.encode(topic, value) })),
    )
  const recoverOn = (on: Log, where: Where) => {
    const io: ChainIo = { log: on, rim, rules: chainRules }
    return recover({ options: optionsWith(where, on), io, squeeze: { records: 50, time: 1 }, notify: () => {} })
  }
  let made = (await log.ends(`${prefix}requests`, 0)).latest
  return {
    log,
    wire,
    options: optionsWith(tasks),
    optionsFor: where => optionsWith(where),
    optionsOn: optionsWith,
    async append(count) {
      const random = createRandom(made)
      const any = (below: number): number => Math.floor(random.uniform() * below)
      const of = () => ({ user_id: `u${any(20)}`, time_ms: Date.now() - any(1000) })
      const many = <T>(make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
      const types = ['click', 'view', 'impression', 'purchase']
      await put(
        'events',
        many(i => event({ ...of(), event_id: `e${made + i - any(2)}`, type: types[any(4)]!, item_id: `i${any(6)}` })),
      )
      if (any(3) === 0) await put('profiles', [profile({ ...of(), profile_version: made + 1 })])
      const policy = () => (any(3) === 0 ? 'second' : 'default')
      await put(
        'requests',
        many(i => request({ ...of(), request_id: `r${made + i - any(2)}`, policy: policy(), slots: 1 + any(2) })),
      )
      made += count
    },
    dropped: async () =>
      (await meter.registry.metrics())
        .split('\n')
        .filter(line => /^feedloop_state_dropped_total{/.test(line))
        .join(),
    counted: async metric => (await meter.registry.getSingleMetric(metric)?.get())?.values[0]?.value,
    recover: where => recoverOn(log, where),
    recoverOn,
  }
}

/** Every entry of every table. */
export const dump = ({ tables }: RankerState): Record<string, unknown> =>
  Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, [...table.range('', '\u{10ffff}')]]))
