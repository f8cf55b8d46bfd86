/**
 * Work that is shared out by partition: joins a consumer group and keeps one worker for each partition that this member
 * is assigned. A worker of a partition that is lost is stopped before the assignment is taken over.
 */
import type { Committed, Log, Membership } from '../log/log.ts'
import type { Running } from './context.ts'

/** What works on one partition. */
export interface Worker {
  /** Resolves when it does what it is there for; absent: at once. */
  readonly ready?: Promise<unknown>
  /** Rejects when it ends otherwise than by `stop`. */
  readonly done: Promise<unknown>
  stop(): Promise<void>
}

export interface AssignedOptions {
  readonly group: string
  /** Topics whose partitions are shared out among the members. */
  readonly topics: readonly string[]
  /** @param commit records positions of the group */
  readonly start: (partition: number, commit: Membership['commit']) => Worker
  /** Awaited before the first worker starts. */
  readonly prepare?: Promise<void>
  /** Told of each assignment when it has been taken over. */
  readonly assigned?: (partitions: readonly number[]) => void
}

export interface Assigned extends Pick<Running, 'waitingFor' | 'done' | 'stop'> {
  commit(positions: readonly Committed[]): Promise<void>
  /** Stops the workers, for good; the membership stays. */
  stopWorkers(): Promise<void>
}

/** @throws what `log.join` throws */
export async function runAssigned(log: Log, options: AssignedOptions): Promise<Assigned> {
  const { group, topics, start } = options
  const workers = new Map<number, Worker>()
  const starting = new Map<number, Worker>()
  const end = Promise.withResolvers<void>()
  // Who started this may be waiting for another service still.
  end.promise.catch(() => {})
  const stopping = Promise.withResolvers<void>()
  let stopped = false
  let everAssigned = false

  const begin = (partition: number): void => {
    const worker = start(partition, commit)
    workers.set(partition, worker)
    worker.done.catch(end.reject)
    if (worker.ready === undefined) return
    starting.set(partition, worker)
    const begun = (): boolean => starting.get(partition) === worker && starting.delete(partition)
    worker.ready.then(begun, () => {})
  }
  const drop = async (partition: number): Promise<void> => {
    const worker = workers.get(partition)
    workers.delete(partition)
    starting.delete(partition)
    // What it failed with has ended the service already, through `done`.
    await worker?.stop().catch(() => {})
  }
  const assigned = async (partitions: readonly number[]): Promise<void> => {
    // Leaving waits for this, and what is prepared may be away.
    await Promise.race([stopping.promise, options.prepare])
    await Promise.all([...workers.keys()].filter(partition => !partitions.includes(partition)).map(drop))
    if (stopped) return
    for (const partition of partitions) if (!workers.has(partition)) begin(partition)
    everAssigned = true
    options.assigned?.(partitions)
  }
  const joined = log.join(group, topics, { assigned, failed: end.reject })
  const commit: Membership['commit'] = async positions => (await joined).commit(positions)
  const stopWorkers = async (): Promise<void> => {
    stopped = true
    stopping.resolve()
    await Promise.all([...workers.keys()].map(drop))
  }
  const membership = await joined
  return {
    commit,
    stopWorkers,
    done: end.promise,
    waitingFor() {
      if (!everAssigned) return `group assignment of ${topics.join(', ')}`
      return starting.size > 0 ? `${topics.join(', ')}: start of partitions ${[...starting.keys()].join(', ')}` : ''
    },
    async stop() {
      await stopWorkers()
      await membership.leave()
      end.resolve()
    },
  }
}

/** Several as one. When one cannot start, those that did are stopped. @throws what the first of them threw */
export async function together(
  starting: readonly Promise<Assigned>[],
): Promise<Pick<Running, 'waitingFor' | 'done' | 'stop'>> {
  const settled = await Promise.allSettled(starting)
  const started = settled.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
  const stop = async (): Promise<void> => void (await Promise.all(started.map(each => each.stop())))
  const failed = settled.find(each => each.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  return {
    waitingFor: () => started.map(each => each.waitingFor()).find(text => text !== '') ?? '',
    done: Promise.all(started.map(each => each.done)).then(() => {}),
    stop,
  }
}
