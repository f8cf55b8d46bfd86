/** A joiner with its state on disk, on an embedded log in a folder: what the crash tests and their child process share. */
import { join } from 'node:path'
import pino from 'pino'
import type { BehaviorEvent } from '../../schemas/records.ts'
import { openFeed } from '../../src/log/chain/feed.ts'
import { recover } from '../../src/log/chain/recover.ts'
import { type ChainIo, realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import type { Session } from '../../src/log/chain/session.ts'
import type { TaskOptions } from '../../src/log/chain/task.ts'
import { createWriter, type Writer } from '../../src/log/chain/writer.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { createMeter } from '../../src/metrics.ts'
import { localState } from '../../src/operate/local-state.ts'
import { createRandom } from '../../src/state/random.ts'
import { joinerCodecs, joinerVersion } from '../../src/transitions/codec.ts'
import { joinersWire } from '../../src/transitions/decision.ts'
import type { JoinerState, JoinerTables } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { at, decision, event, makeConfig } from './make.ts'

const prefix = 'w.'

export interface World {
  readonly log: Log
  readonly options: TaskOptions<JoinerState, undefined>
  readonly dropped: () => Promise<string>
  /** Appends so many decisions, and events on any of those before; the sequence goes on after a restart. */
  append(count: number): Promise<void>
  /** Recovers as a task does when it starts, from the disk or, without it, from the topics. */
  recover(where: 'disk' | 'topics'): Promise<Session<JoinerState>>
}

/** @param folder of the log; the state is in `state` beside it */
export async function openWorld(folder: string): Promise<World> {
  const log = openEmbeddedLog({ folder: join(folder, 'log') })
  await applyTopics(log, topicSpecs({ prefix, partitions: 1, policies: 1, replicationFactor: 1 }))
  const base = makeConfig({ gamma: 0.9 }, { name: 'second' })
  const config = { ...base, state: { ...base.state, folder: join(folder, 'state'), cacheBytes: 20_000 } }
  const meter = createMeter()
  const logger = pino({ level: 'silent' })
  const wire = await createWire({ prefix })
  const store = { stage: 'joiner', version: joinerVersion(config), codecs: joinerCodecs } as const
  const openStore = localState({ config, logger, meter, now: Date.now }, store)
  const io: ChainIo = { log, rim: realRim(Date.now), rules: chainRules }
  const optionsWith = (onDisk: boolean): World['options'] => ({
    log,
    wire: joinersWire(wire),
    meter,
    logger,
    stage: createJoiner(config, onDisk ? openStore : undefined),
    prefix,
    inputs: [
      { topic: 'recommendations', partition: 0 },
      { topic: 'events', partition: 0 },
    ],
    output: { topic: 'transitions', partition: 0 },
    view: () => undefined,
    now: Date.now,
    step: { intervalMs: 0, maxRecords: 50, maxBytes: 1 << 20, progressMs: 50, idleMs: 1000 },
  })
  const append = await appender(io, wire)
  return {
    log,
    options: optionsWith(true),
    append,
    dropped: async () =>
      (await meter.registry.metrics())
        .split('\n')
        .filter(line => /^feedloop_state_dropped_total{/.test(line))
        .join(),
    recover: where => {
      const options = optionsWith(where === 'disk')
      return recover({ options, io, squeeze: { records: 50, time: 1 }, notify: () => {} })
    },
  }
}

async function appender(io: ChainIo, wire: Wire): Promise<World['append']> {
  const chained = { topic: `${prefix}recommendations`, partition: 0 }
  const feed = await openFeed(io, chained, null)
  let made = 0
  do for (const batch of await feed.poll()) made += batch.header.outputs
  while (!feed.atEnd)
  const writer: Writer = createWriter(io, chained, { head: feed.reader.head, end: feed.offset, partitions: 1 })
  const tick = { timeMs: 0, watermarkMs: -1 }
  return async count => {
    const random = createRandom(made)
    const any = (below: number): number => Math.floor(random.uniform() * below)
    const seconds = () => made / 10
    const records = Array.from({ length: count }, () => {
      const user_id = `u${any(20)}`
      const items = [`i${any(5)}`, `j${any(5)}`].slice(0, 1 + any(2))
      const policy = any(3) === 0 ? 'second' : 'default'
      const value = decision(`d${made++}`, seconds(), { user_id, items, policy, session_id: `s${any(3)}` })
      return { key: Buffer.from(user_id), value: wire.encode('recommendations', value), timestampMs: at(seconds()) }
    })
    await writer.append(io.rim.randomId(), { inputs: [], tick }, records)
    const events = Array.from({ length: count }, (_, i): BehaviorEvent => {
      const named = any(made + 3)
      return event('click', seconds(), {
        event_id: `e${made}-${i}`,
        user_id: `u${any(20)}`,
        ...(any(2) === 0 ? { item_id: `i${any(5)}` } : { decision_id: `d${named}` }),
      })
    })
    await io.log.append(
      `${prefix}events`,
      0,
      events.map(each => ({ key: Buffer.from(each.user_id), value: wire.encode('events', each) })),
    )
  }
}

const names = ['joins', 'sessions', 'touches', 'waiting', 'seen', 'pages', 'buckets', 'clock'] as const

/** Every entry of every table. */
export const dump = (tables: JoinerTables): Record<string, unknown> =>
  Object.fromEntries(names.map(name => [name, [...tables[name].range('', '\u{10ffff}')]]))
