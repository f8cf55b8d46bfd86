/**
 * One contestant, in a process of its own: a joiner's state with so many open joins, and then the cost of records, from
 * their bytes to the bytes of the transitions and to the store's transaction. Two decisions, then an outcome of any open
 * join, all alike likely: the worst case for a cache. No log and no client. A folder that was filled is taken as it is.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Recommendation } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { suitCollector } from '../../src/operate/collector.ts'
import type { Input } from '../../src/stage.ts'
import { openDisk } from '../../src/state/disk.ts'
import { joinerCodecs } from '../../src/transitions/codec.ts'
import { type Decision, joinersWire } from '../../src/transitions/decision.ts'
import { heapTables } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { pointAt } from '../point.ts'
import { rssAnonMiB } from '../processes.ts'
import { numbered, TEMPLATES } from './load.ts'

export interface StepsOptions {
  readonly store: 'heap' | 'disk'
  readonly folder: string
  readonly open: number
  readonly records: number
}

export interface StepsResult {
  readonly open: number
  /** Null: there was nothing to load. */
  readonly loadedPerSecond: number | null
  readonly cpuMicrosPerRecord: number
  /** Of which in the kernel: pages written. */
  readonly systemMicrosPerRecord: number
  readonly microsPerRecord: number
  readonly longestStepMs: number
  readonly rssAnonMiB: number
  readonly fileGiB: number
}

interface Taken {
  readonly topic: 'recommendations' | 'events'
  /** Or, while loading, the value, which spares the time. */
  readonly bytes?: Buffer
  readonly value?: unknown
}

const STEP = 2000
const config = parseConfig({})
const wire = joinersWire(await createWire({ prefix: 'bench.' }))

const inputOf = ({ topic, bytes, value }: Taken, offset: number): Input => ({
  topic,
  partition: 0,
  offset,
  key: null,
  value: bytes ? wire.decode(topic, bytes) : value,
  timestampMs: 0,
  headers: {},
})

/** The i-th of all numbers below `open` in an order without pattern, each once: a click that is there already would cost
 * nothing, and few joins would be met again sooner than many. (2,654,435,761 is prime.) */
const anyOf = (open: number, i: number): number => Number((BigInt(i) * 2_654_435_761n) % BigInt(open))

async function run({ store, folder, open, records }: StepsOptions): Promise<StepsResult> {
  suitCollector(['joiner'], store === 'disk')
  const disk =
    store === 'disk'
      ? await openDisk({
          folder,
          version: 'bench',
          codecs: joinerCodecs,
          cacheBytes: config.state.cacheBytes,
          now: Date.now,
          dropped: () => {},
        })
      : undefined
  const joiner = createJoiner(config, async () => disk ?? heapTables())
  const state = await joiner.open(0)
  const load = numbered(Date.now() - 6 * 86_400_000 - 3_600_000)
  let steps = 0
  let peak = 0
  let longest = 0
  const step = async (records: readonly Taken[], nowMs: number) => {
    const room = state.room?.()
    if (room) await room
    const begun = performance.now()
    const { outputs } = joiner.step(state, records.map(inputOf), { timeMs: nowMs, watermarkMs: nowMs }, undefined)
    let bytes = 0
    for (const { value } of outputs) bytes += wire.encode('transitions', value).length
    state.commit(pointAt(++steps))
    longest = Math.max(longest, performance.now() - begun)
    if (steps % 20 === 0) peak = Math.max(peak, rssAnonMiB())
    await turn()
    return bytes
  }
  const decisionBytes = (index: number) => ({
    topic: 'recommendations' as const,
    bytes: wire.encode('recommendations', load.decision(index)),
  })
  const narrow = (decision: Recommendation): Decision =>
    wire.decode('recommendations', wire.encode('recommendations', decision)) as Decision
  const templates = Array.from({ length: TEMPLATES }, (_, index) => narrow(load.decision(index)))
  const known = (index: number) => {
    const { state: unread, candidates } = templates[index % TEMPLATES] as unknown as Record<string, Buffer>
    const value = { ...load.decision(index), state: Buffer.from(unread), candidates: Buffer.from(candidates) }
    return { topic: 'recommendations' as const, value }
  }
  const loadBegun = performance.now()
  const missing = open - state.joins.size
  let next = Math.max(open, state.joins.size)
  for (let index = state.joins.size; index < open; index += STEP) {
    const count = Math.min(STEP, open - index)
    const batch = Array.from({ length: count }, (_, i) => known(index + i))
    await step(batch, load.timeOf(index + count))
    if ((index / STEP) % 250 === 0) process.stderr.write(`${store}: ${index} of ${open}, ${rssAnonMiB()} MiB\n`)
  }
  const loadedPerSecond = missing > 0 ? Math.round((missing / (performance.now() - loadBegun)) * 1000) : null

  let clicks = (next - open) / 2
  const batch = (): Taken[] =>
    Array.from({ length: STEP }, (_, i) =>
      i % 3 === 2
        ? { topic: 'events' as const, bytes: wire.encode('events', load.click(anyOf(open, clicks++))) }
        : decisionBytes(next++),
    )
  const count = Math.ceil(records / STEP)
  for (let i = 0; i < count / 5; i++) await step(batch(), load.timeOf(next))
  longest = 0
  /** What making the records costs is not the joiner's. */
  let making = 0
  const cpu = process.cpuUsage()
  const begun = performance.now()
  for (let i = 0; i < count; i++) {
    const before = process.threadCpuUsage()
    const made = batch()
    const { user, system } = process.threadCpuUsage(before)
    making += user + system
    await step(made, load.timeOf(next))
  }
  await state.room?.()
  const spent = process.cpuUsage(cpu)
  const measured = count * STEP
  const micros = ((performance.now() - begun) * 1000 - making) / measured
  await state.close?.()
  return {
    open,
    loadedPerSecond,
    cpuMicrosPerRecord: (spent.user + spent.system - making) / measured,
    systemMicrosPerRecord: spent.system / measured,
    microsPerRecord: micros,
    longestStepMs: Math.round(longest),
    rssAnonMiB: Math.max(peak, rssAnonMiB()),
    fileGiB: disk ? statSync(join(folder, 'data', 'data.mdb')).size / 2 ** 30 : 0,
  }
}

process.stdout.write(JSON.stringify(await run(JSON.parse(process.argv[2]) as StepsOptions)))
