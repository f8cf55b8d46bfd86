/**
 * Runs a chained stage: joins the stage's consumer group and keeps one task for each partition that it is assigned.
 * Losing a partition stops its task after the append in flight; a task that another member still runs is harmless,
 * because the chain accepts only one of the two (src/log/chain).
 */
import { committedOf, type Progress } from '../log/chain/progress.ts'
import { type AcceptedStep, startTask, type TaskInput, type TaskOptions } from '../log/chain/task.ts'
import { forgetLag } from '../log/lag.ts'
import { type StageName, stageEntry, type TopicName, topicName } from '../pipeline.ts'
import type { Output, Stage, StageState } from '../stage.ts'
import { runAssigned, type Worker } from './assigned.ts'
import { createCommits } from './commits.ts'
import type { Running, ServiceContext } from './context.ts'

export interface ChainStageOptions<S extends StageState, V> {
  readonly name: StageName
  readonly stage: (partition: number) => Stage<S, V>
  /** Topics whose partitions are shared out among the members. */
  readonly assigned: readonly TopicName[]
  readonly inputs: (partition: number) => readonly TaskInput[]
  readonly view: () => V
  /** Awaited before each step. */
  readonly before?: TaskOptions<S, V>['before']
  /** Bounds of a partition's step that differ from the configured ones. */
  readonly step?: (partition: number) => Partial<TaskOptions<S, V>['step']>
  /** Told of each accepted step of a partition, for metrics. */
  readonly observe?: (step: AcceptedStep<S>, partition: number) => void
  /** Told of the state of a partition once it is recovered, and of undefined when it is let go. */
  readonly holds?: (partition: number, state: S | undefined) => void
  /** Outputs that `observe` wants to see; all when absent. */
  readonly observed?: (output: Output) => boolean
  /** Told when a partition is this member's no more. */
  readonly lost?: (partition: number) => void
  /** Empty when what the stage needs besides its tasks is there, else what is awaited. */
  readonly waitingFor?: () => string
  /** Awaited once before the first task starts. */
  readonly prepare?: Promise<void>
  /** Lets go of what the stage needs besides its tasks; who waits for it then throws Stopped. */
  readonly release?: () => Promise<void>
  /** What the stage can't go on without: a rejection ends the service. */
  readonly alongside?: readonly Promise<never>[]
}

const COMMIT_EVERY_MS = 1000

export async function runChainStage<S extends StageState, V>(
  context: ServiceContext,
  options: ChainStageOptions<S, V>,
): Promise<Running> {
  const { config, log, logger } = context
  const prefix = config.topics.prefix
  const group = `${prefix}${options.name}`
  const output = stageEntry(options.name).writes[0]
  // rates and increases need a first sample before the first event
  context.meter.add('feedloop_commit_failures_total', { stage: options.name }, 0)
  for (const result of ['accepted', 'lost'])
    context.meter.add('feedloop_steps_total', { stage: options.name, result }, 0)
  let ending = false
  const failed = Promise.withResolvers<never>()
  for (const promise of options.alongside ?? []) promise.catch(failed.reject)

  const progress = (step: Progress): void => {
    for (const position of committedOf(prefix, step)) commits.put(position)
  }
  const start = (partition: number): Worker => {
    const task = startTask<S, V>({
      ...context,
      stage: options.stage(partition),
      prefix,
      inputs: options.inputs(partition),
      output: { topic: output, partition },
      partitions: config.topics.partitions,
      view: options.view,
      before: options.before,
      step: { ...config.step, ...options.step?.(partition) },
      group,
      observed: options.observed,
      holds: state => options.holds?.(partition, state),
      followed: progress,
      accepted: step => {
        progress(step)
        options.observe?.(step, partition)
      },
    })
    const stop = async (): Promise<void> => {
      await task.stop().catch(() => {})
      forgetGauges(partition)
      // Its new owner commits from where it recovers: whoever had it before would put the group back.
      if (!ending)
        for (const { topic, partition: n } of options.inputs(partition)) commits.forget(`${prefix}${topic}`, n)
      options.lost?.(partition)
    }
    return { ready: task.ready, done: task.done, stop }
  }
  const forgetGauges = (partition: number): void => {
    for (const input of options.inputs(partition)) forgetLag(context.meter, { stage: options.name, ...input })
    for (const name of [
      'feedloop_watermark_timestamp_seconds',
      'feedloop_state_bytes',
      'feedloop_recovery_progress',
    ] as const)
      context.meter.remove(name, { stage: options.name, partition: String(partition) })
  }
  // A stage that falls silent must not look behind for ever: what fails is committed at the next turn.
  const commits = createCommits(
    positions => assigned.commit(positions),
    error => {
      context.meter.add('feedloop_commit_failures_total', { stage: options.name })
      logger.debug({ error: String(error), group }, 'commit failed')
    },
  )
  const assigned = await runAssigned(log, {
    group,
    topics: options.assigned.map(topic => topicName(prefix, topic)),
    start,
    prepare: options.prepare,
    assigned(partitions) {
      context.meter.add('feedloop_rebalances_total', { stage: options.name })
      logger.info({ stage: options.name, partitions }, 'assigned')
    },
  }).catch(async error => {
    await options.release?.()
    throw error
  })
  const timer = setInterval(() => void commits.flush(), COMMIT_EVERY_MS)
  const done = Promise.race([assigned.done, failed.promise])
  // Who started this may be waiting for another service still.
  done.catch(() => {})
  return {
    name: options.name,
    done,
    waitingFor: () => options.waitingFor?.() || assigned.waitingFor(),
    async stop() {
      clearInterval(timer)
      ending = true
      // Together: a task may be waiting for what is away, and gives that up when it is released.
      await Promise.all([assigned.stopWorkers(), options.release?.()])
      await commits.flush()
      await assigned.stop()
    },
  }
}
