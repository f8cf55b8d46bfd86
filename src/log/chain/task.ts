/**
 * Runs one stage on one output partition through the chain: recovers, then takes steps until it is stopped. Any number
 * of tasks may do so on the same partition; the log decides whose steps count (chain/rules.ts), and the others follow.
 *
 * recover.ts -> steps.ts (cursor.ts -> stage.step -> writer.ts), and again from the top when a race was lost that the
 * state cannot follow.
 */
import type { Logger } from 'pino'
import type { Meter } from '../../metrics.ts'
import type { TopicName } from '../../pipeline.ts'
import { topicName } from '../../pipeline.ts'
import type { Input, Output, Stage, StageState, Tick } from '../../stage.ts'
import type { Log } from '../log.ts'
import type { Wire } from '../wire/wire.ts'
import { verifyHead } from './feed.ts'
import { type Lags, showLags } from './lags.ts'
import type { Progress } from './progress.ts'
import { recover } from './recover.ts'
import type { ChainIo, Rim } from './rim.ts'
import { realRim, Stopped } from './rim.ts'
import type { ChainRules } from './rules.ts'
import { chainRules } from './rules.ts'
import type { Session, TaskContext } from './session.ts'
import { createStepper } from './steps.ts'

export interface TaskInput {
  readonly topic: TopicName
  readonly partition: number
}

/** A step of this task that the chain accepted. */
export interface AcceptedStep<S> extends Progress {
  /** Those that are `observed`. */
  readonly outputs: readonly Output[]
  /** With the step in it; to be looked at only. */
  readonly state: S
  /** Time that the stage itself took, with the quiet steps before it, ms. */
  readonly stepMs: number
}

/** A step that is about to be taken. */
export interface UpcomingStep<S> {
  readonly inputs: readonly Input[]
  /** Without them. */
  readonly state: S
  readonly tick: Tick
}

export interface TaskOptions<S extends StageState, V> {
  readonly log: Log
  readonly wire: Wire
  readonly meter: Meter
  readonly logger: Logger
  readonly stage: Stage<S, V>
  readonly prefix: string
  readonly inputs: readonly TaskInput[]
  readonly output: TaskInput
  /** Partition count of the per-user topics: records that stand in another partition than their key's are refused.
   * Unchecked when absent. */
  readonly partitions?: number
  /** What the rim lends each step besides its inputs, asked anew before each. */
  readonly view: () => V
  /** Awaited between taking the inputs of a step and the step: what they refer to can be fetched here. What it resolves
   * to is lent to the step instead of `view`. It must leave the state as it is. */
  readonly before?: (step: UpcomingStep<S>) => Promise<V> | Promise<void>
  readonly now: () => number
  readonly step: {
    /** At least this long from the start of one step to the start of the next, ms. */
    readonly intervalMs: number
    readonly maxRecords: number
    readonly maxBytes: number
    /** Bytes of one read of an input, of which some four are kept ahead; `maxBytes` when absent. */
    readonly readBytes?: number
    /** A header-only batch at least this often while inputs progress without output, ms. */
    readonly progressMs: number
    /** An input with no record for this long does not hold the watermark back, ms. */
    readonly idleMs: number
    /** Bytes of one output batch; the output topic's own bound when absent. */
    readonly maxBatchBytes?: number
  }
  /** Called with the last step of others that this task goes on from, after a recovery and after a lost race: who made it
   * may have no member left to commit it. */
  readonly followed?: (progress: Progress) => void
  /** Told of the state that steps go on from once it is recovered, and of undefined before it is closed. To look at only. */
  readonly holds?: (state: S | undefined) => void
  /** Called after each accepted step. For commits of group offsets, for doors and for metrics. */
  readonly accepted?: (step: AcceptedStep<S>) => void
  /** Outputs that `accepted` wants to see; all when absent. Kept are only those until the step is accepted. */
  readonly observed?: (output: Output) => boolean
  /** The consumer group whose commits (chain/progress.ts) anchor a chain that has expired. */
  readonly group?: string
  /** Time, sleep and chance; the real ones when absent. */
  readonly rim?: Rim
  /** Only the simulation passes others than `chainRules`. */
  readonly rules?: ChainRules
}

export interface Task {
  /** Resolves when recovered and running; rejects on a terminal error. */
  readonly ready: Promise<void>
  /** Resolves when stopped; rejects on a terminal error. */
  readonly done: Promise<void>
  /** Finishes the append in flight, then stops. */
  stop(): Promise<void>
}

const pollMs = 50
const drainMs = 10_000

/** @throws nothing: `ready` and `done` reject with the terminal error */
export function startTask<S extends StageState, V>(options: TaskOptions<S, V>): Task {
  const abort = new AbortController()
  const ready = Promise.withResolvers<void>()
  const bell = createBell()
  const rim = options.rim ?? realRim(options.now)
  const io: ChainIo = { log: options.log, rim, rules: options.rules ?? chainRules, signal: abort.signal }
  const context: TaskContext<S, V> = {
    options,
    io,
    squeeze: { records: options.step.maxRecords, time: 1 },
    notify: bell.ring,
  }
  let stopping = false
  let stepping = false

  const work = async (session: Session<S>, lags: Lags): Promise<void> => {
    const stepper = createStepper(context, session)
    const watch = createWatch(context, session)
    while (!stopping) {
      for (const cursor of session.cursors) cursor.check()
      watch()
      if (!stepper.due()) {
        await bell.wait(io, Math.max(pollMs, options.step.intervalMs))
        continue
      }
      await options.log.turn?.()
      if (stopping) continue
      const startedMs = rim.now()
      stepping = true
      const fate = await lags.during(stepper.step)
      stepping = false
      if (fate === 'accepted')
        options.meter.observe('feedloop_step_seconds', { stage: options.stage.name }, (rim.now() - startedMs) / 1000)
      if (fate === 'lost') return
      // the clock may have been set back meanwhile
      const restMs = Math.min(options.step.intervalMs, startedMs + options.step.intervalMs - rim.now())
      if (restMs > 0 && !stopping) await rim.sleep(restMs, abort.signal)
    }
  }
  const report = ({ header, writer: { head } }: Session<S>): void => {
    if (header !== null && head !== null && header.id === head.id)
      options.followed?.({ baseOffset: head.offset, header })
  }
  const run = async (): Promise<void> => {
    while (!stopping) {
      const recovering = countTask(options, 'recovering')
      const session = await recover(context).finally(recovering)
      ready.resolve()
      report(session)
      options.holds?.(session.state)
      const running = countTask(options, 'running')
      const lags = showLags(context, session)
      await work(session, lags).finally(() => {
        running()
        lags.stop()
        options.holds?.(undefined)
        return session.close()
      })
    }
  }
  const finish = (error?: unknown): void => {
    abort.abort()
    if (error !== undefined && !(error instanceof Stopped)) {
      ready.reject(error)
      throw error
    }
    ready.resolve()
  }
  const done = run().then(() => finish(), finish)
  // Who only waits for `done` must not be killed by `ready`.
  ready.promise.catch(() => {})
  return {
    ready: ready.promise,
    done,
    stop() {
      stopping = true
      bell.ring()
      if (!stepping) abort.abort()
      else void rim.sleep(drainMs, abort.signal).then(() => abort.abort())
      return done
    },
  }
}

/** A condition that many may signal and one waits for, with a limit. */
function createBell(): { ring(): void; wait(io: ChainIo, ms: number): Promise<void> } {
  let waiting: AbortController | null = null
  let rung = false
  return {
    ring() {
      rung = true
      waiting?.abort()
    },
    async wait(io, ms) {
      if (!rung) {
        waiting = new AbortController()
        await io.rim.sleep(ms, waiting.signal)
        waiting = null
      }
      rung = false
    },
  }
}

/** Now and then: is the log still ours? A failure stops the task at its next turn. */
function createWatch<S extends StageState, V>(
  { io, options, notify }: TaskContext<S, V>,
  session: Session<S>,
): () => void {
  const { cursors, writer } = session
  let failure: unknown
  let nextMs = io.rim.now() + io.rules.watchMs
  const look = async (): Promise<void> => {
    await writer.check()
    // What was read last may have come after what was lost, and what was taken may be followed by a batch that is lost.
    for (const { input, position, seen } of cursors)
      for (const known of [position, seen])
        if (known?.head)
          await verifyHead(io, { topic: topicName(options.prefix, input.topic), partition: input.partition }, known)
    showState()
  }
  const { meter, stage, output } = options
  const showState = (): void => {
    const labels = { stage: stage.name, partition: String(output.partition) }
    const watermarkMs = session.header?.tick.watermarkMs ?? -1
    if (watermarkMs >= 0) meter.set('feedloop_watermark_timestamp_seconds', labels, watermarkMs / 1000)
    const bytes = session.state.bytes?.()
    if (bytes !== undefined) meter.set('feedloop_state_bytes', labels, bytes)
  }
  return () => {
    if (failure !== undefined) throw failure
    if (io.rim.now() < nextMs) return
    nextMs = Number.POSITIVE_INFINITY
    look()
      .catch((error: unknown) => {
        failure = error
        notify()
      })
      .finally(() => {
        nextMs = io.rim.now() + io.rules.watchMs
      })
  }
}

const tasks = new WeakMap<Meter, Map<string, number>>()

/** Counts a task in a state until the returned function is called. */
function countTask(
  { meter, stage }: { meter: Meter; stage: { name: string } },
  state: 'recovering' | 'running',
): () => void {
  const counts = tasks.get(meter) ?? new Map<string, number>()
  tasks.set(meter, counts)
  const add = (change: number): void => {
    const key = `${stage.name} ${state}`
    counts.set(key, (counts.get(key) ?? 0) + change)
    meter.set('feedloop_tasks', { stage: stage.name, state }, counts.get(key)!)
  }
  add(1)
  return () => add(-1)
}
