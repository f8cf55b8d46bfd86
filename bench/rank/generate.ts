/**
 * The load: a process of its own that asks at the times of a schedule, whatever comes back (open loop, Poisson arrivals),
 * and measures each answer from its *scheduled* time, so that whoever is slow cannot slow the asking down (coordinated
 * omission). Takes a `Load` from its parent, runs it, sends what it saw as `Seen`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { countBuffersWithHeap, makeNothingOld } from '../../src/operate/collector.ts'
import { createRandom } from '../../src/state/random.ts'
import { openAsker } from './ask.ts'
import { createRequests } from './world.ts'

export interface Load {
  readonly door: 'kafka' | 'http'
  /** File of the configuration that the contestant has too. */
  readonly config: string
  /** Of the gateway. */
  readonly port: number
  readonly items: number
  readonly candidates: number
  /** Requests a second. */
  readonly rate: number
  /** The first seconds are not measured. */
  readonly warmSeconds: number
  readonly seconds: number
  readonly seed: number
}

/** Of the requests that were scheduled within the measured seconds. */
export interface Seen {
  readonly asked: number
  /** Answered with a slate. */
  readonly answered: number
  /** Answered otherwise, or not at all. */
  readonly failed: number
  /** Latencies by scheduled time, ms. */
  readonly latencies: readonly (readonly [number, number])[]
  /** How late requests were sent at the 99th percentile, ms: the generator's own fault, contained in the latencies. */
  readonly lateP99: number
  /** From the last scheduled request to the last answer, ms. */
  readonly leftBehindMs: number
}

/** Who is not answered by then has failed. */
const PATIENCE_MS = 4000
/** Shortest pause between looks at the schedule. */
const TURN_MS = 1

async function run(load: Load, started: () => void, over: () => void): Promise<Seen> {
  const asker = await openAsker(load)
  const request = createRequests(load)
  // Half a million names that the space of new objects would copy to and fro while answers are waited for, 50 ms each time: what has been copied twice is old.
  for (const type of ['minor', 'minor', 'major'] as const) globalThis.gc!({ type, execution: 'sync' })
  const random = createRandom(load.seed)
  const name = `${load.seed}-${process.pid}-${Date.now()}`
  const dueMs: number[] = []
  const answeredMs: number[] = []
  const sentLateMs: number[] = []
  const failed = new Set<number>()
  let open = 0
  const begunMs = performance.now()
  const warmMs = load.warmSeconds * 1000
  const endMs = begunMs + warmMs + load.seconds * 1000
  const ask = (at: number): void => {
    const index = dueMs.push(at) - 1
    sentLateMs.push(performance.now() - at)
    open++
    const nowMs = Date.now()
    asker.ask(request(`${name}-${index}`, nowMs, nowMs + PATIENCE_MS), ok => {
      open--
      answeredMs[index] = performance.now()
      if (!ok) failed.add(index)
    })
  }
  let told = false
  for (let next = begunMs; next < endMs; ) {
    const now = performance.now()
    if (!told && now - begunMs >= warmMs) {
      started()
      told = true
    }
    for (; next <= now && next < endMs; next -= (Math.log(1 - random.uniform()) * 1000) / load.rate) ask(next)
    await sleep(Math.max(TURN_MS, Math.min(next, endMs) - performance.now() - TURN_MS))
  }
  over()
  for (const until = endMs + PATIENCE_MS + 1000; open > 0 && performance.now() < until; ) await sleep(20)
  await asker.close()
  const measured = [...dueMs.keys()].filter(index => dueMs[index] >= begunMs + warmMs)
  const good = measured.filter(index => answeredMs[index] !== undefined && !failed.has(index))
  return {
    asked: measured.length,
    answered: good.length,
    failed: measured.length - good.length,
    latencies: good.map(index => [dueMs[index] - begunMs - warmMs, answeredMs[index] - dueMs[index]]),
    lateP99: quantile(
      measured.map(index => sentLateMs[index]),
      0.99,
    ),
    leftBehindMs: Math.max(0, ...answeredMs.filter(Number.isFinite)) - (dueMs.at(-1) ?? 0),
  }
}

export const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN

process.on('message', (load: Load) => {
  makeNothingOld()
  // It reads 20 MB/s of decisions: else V8 looks through its heap five times a second, with threads that take the cores from who is measured.
  countBuffersWithHeap()
  const tell = (what: 'started' | 'over') => () => void process.send!(what)
  run(load, tell('started'), tell('over')).then(
    seen => process.send!(seen),
    error => {
      process.stderr.write(`${error.stack}\n`)
      process.exit(1)
    },
  )
})
