/**
 * One contestant, in a process of its own: a ranker's state with so many people, each with a full history, and then the
 * cost of decisions: from the bytes of a request to those of the decision and to the store's transaction, with twenty
 * candidates. An event of another person comes with each. All are alike likely, the worst case for a cache. No log and no client.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { parseConfig } from '../../src/config.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { suitCollector } from '../../src/operate/collector.ts'
import { rankerCodecs } from '../../src/ranker/layout.ts'
import { heapTables } from '../../src/ranker/state.ts'
import { createRanker } from '../../src/ranker/step.ts'
import type { Input } from '../../src/stage.ts'
import { openDisk } from '../../src/state/disk.ts'
import { createRandom } from '../../src/state/random.ts'
import { pointAt } from '../point.ts'
import { rssAnonMiB } from '../processes.ts'
import { catalogue, eventOf, personOf, policy, requestOf, sessionOf, userName } from './load.ts'

export interface StepsOptions {
  readonly store: 'memory' | 'disk'
  readonly folder: string
  readonly users: number
  readonly decisions: number
}

export interface StepsResult {
  readonly users: number
  readonly loadedPerSecond: number
  /** All threads, a decision and an event together. */
  readonly cpuMicrosPerDecision: number
  /** Of this thread: decoding, step, encoding, commit. */
  readonly threadMicrosPerDecision: number
  readonly longestStepMs: number
  readonly rssAnonMiB: number
  readonly fileGiB: number
}

/** A tenth of a second's worth at 500 a second. */
const STEP = 50
const LOADED_AT_ONCE = 2000
const config = parseConfig({})
const wire = await createWire({ prefix: 'bench.' })

const openTables = ({ folder }: StepsOptions) =>
  openDisk({
    folder,
    version: 'bench',
    codecs: rankerCodecs,
    cacheBytes: config.state.cacheBytes,
    now: Date.now,
    dropped: () => {},
  })

async function run(options: StepsOptions): Promise<StepsResult> {
  const { store, users, decisions } = options
  suitCollector(['ranker'], store === 'disk')
  const ranker = createRanker(config, async () => (store === 'disk' ? openTables(options) : heapTables()))
  const state = await ranker.open(0)
  const serving = { policy, releaseVersion: 'bench', mode: 'online', evidence: {} } as const
  const view = { features: catalogue(), serving: () => serving, catalogueReady: true }
  let steps = 0
  let peak = 0
  const commit = async () => {
    state.commit(pointAt(++steps))
    if (steps % 20 === 0) peak = Math.max(peak, rssAnonMiB())
    const room = state.room?.()
    if (room) await room
  }

  let nowMs = Date.now()
  const begunLoading = performance.now()
  for (let user = 0; user < users; user++) {
    state.tables.people.set(userName(user), personOf(user, config.state.historyLength, nowMs))
    state.tables.sessions.set(userName(user), sessionOf(user, nowMs))
    if ((user + 1) % LOADED_AT_ONCE === 0 || user === users - 1) {
      state.seal?.()
      await commit()
    }
  }
  const loadedPerSecond = Math.round((1000 * users) / (performance.now() - begunLoading))

  const random = createRandom(7)
  let number = 0
  const batch = (): Input[] => {
    const any = () => Math.floor(random.uniform() * users)
    return Array.from({ length: STEP }, () => [
      inputOf('events', wire.encode('events', eventOf(any(), ++number, nowMs))),
      inputOf('requests', wire.encode('requests', requestOf(any(), number, nowMs))),
    ]).flat()
  }
  let longest = 0
  const step = async (inputs: readonly Input<Buffer>[]) => {
    const begun = performance.now()
    const decoded = inputs.map(input => ({ ...input, value: wire.decode(input.topic, input.value) }))
    const { outputs } = ranker.step(state, decoded, { timeMs: nowMs, watermarkMs: nowMs }, view)
    if (outputs.length !== STEP) throw new Error(`${outputs.length} of ${STEP} decisions`)
    for (const { value } of outputs) wire.encode('recommendations', value)
    await turn()
    await commit()
    longest = Math.max(longest, performance.now() - begun)
    nowMs += 100
  }
  const count = Math.ceil(decisions / STEP)
  for (let i = 0; i < count / 4; i++) await step(batch() as Input<Buffer>[])
  longest = 0
  let making = 0
  const cpu = process.cpuUsage()
  const thread = process.threadCpuUsage()
  for (let i = 0; i < count; i++) {
    const before = process.threadCpuUsage()
    const inputs = batch() as Input<Buffer>[]
    const { user, system } = process.threadCpuUsage(before)
    making += user + system
    await step(inputs)
  }
  const spent = process.cpuUsage(cpu)
  const own = process.threadCpuUsage(thread)
  await state.close?.()
  return {
    users,
    loadedPerSecond,
    cpuMicrosPerDecision: (spent.user + spent.system - making) / (count * STEP),
    threadMicrosPerDecision: (own.user + own.system - making) / (count * STEP),
    longestStepMs: Math.round(longest),
    rssAnonMiB: Math.max(peak, rssAnonMiB()),
    fileGiB: store === 'disk' ? statSync(join(options.folder, 'data', 'data.mdb')).size / 2 ** 30 : 0,
  }
}

const inputOf = (topic: 'events' | 'requests', value: Buffer): Input<Buffer> => ({
  topic,
  partition: 0,
  offset: 0,
  key: null,
  value,
  timestampMs: 0,
  headers: {},
})

process.stdout.write(JSON.stringify(await run(JSON.parse(process.argv[2]!) as StepsOptions)))
