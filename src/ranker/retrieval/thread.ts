/**
 * Scans in threads of their own, so that the event loop goes on meanwhile. The rows are shared, not sent. A scan waits for memory
 * more than it computes, and a core waits for so many lines at a time only, so threads share a scan; but a core is left to the
 * event loop, whose timers else are late by a slice of the scheduler.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { bestOf, type Scored } from './best.ts'
import { SCANNERS } from './layout.ts'
import type { Rows } from './rows.ts'
import type { Answer, Message } from './worker.ts'

export interface ScanThread {
  /** As RowScan does. @throws what ended a thread */
  scan(rows: Rows, queries: readonly Float32Array[], count: number): Promise<readonly Int32Array[]>
  close(): Promise<void>
}

interface Waiting extends PromiseWithResolvers<readonly Int32Array[]> {
  readonly count: number
  /** What each thread found, by query. */
  readonly parts: (readonly Scored[])[]
}

/** @param threads fewer than SCANNERS */
export function startScanThread(threads = Math.max(1, Math.min(SCANNERS, availableParallelism()) - 1)): ScanThread {
  const workers = Array.from({ length: threads }, (_, i) => start(i + 1))
  const waiting = new Map<number, Waiting>()
  const ids = new WeakMap<Rows, number>()
  const forgotten = new FinalizationRegistry<number>(id => post({ kind: 'forget', id }))
  let ended: Error | undefined
  let jobs = 0
  let tables = 0
  const post = (message: Message): void => workers.forEach(worker => void worker.postMessage(message))
  const end = (error: Error): void => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  const take = ({ job, found }: Answer): void => {
    const asked = waiting.get(job)
    if (asked === undefined || asked.parts.push(found) < threads) return
    const { count, parts } = asked
    const ofQuery = (k: number): Int32Array =>
      bestOf(
        parts.map(part => part[k]),
        count,
      )
    asked.resolve(found.map((_, k) => ofQuery(k)))
    waiting.delete(job)
    if (waiting.size === 0) for (const worker of workers) worker.unref()
  }
  for (const worker of workers) {
    worker.on('message', take)
    worker.on('error', end)
    worker.on('exit', () => end(new Error('a thread that scans for candidates has ended')))
    worker.unref()
  }
  const idOf = (rows: Rows): number => {
    let id = ids.get(rows)
    if (id === undefined) {
      id = tables++
      ids.set(rows, id)
      forgotten.register(rows, id)
      post({ kind: 'rows', id, rows: { memory: rows.memory, dimensions: rows.dimensions } })
    }
    return id
  }
  return {
    scan(rows, queries, count) {
      if (ended) return Promise.reject(ended)
      const job = jobs++
      const asked = { ...Promise.withResolvers<readonly Int32Array[]>(), count, parts: [] }
      waiting.set(job, asked)
      for (const worker of workers) worker.ref()
      const taken = new Int32Array(new SharedArrayBuffer(4))
      post({ kind: 'scan', id: idOf(rows), job, queries, size: rows.size, count, taken })
      return asked.promise
    },
    async close() {
      await Promise.all(workers.map(worker => worker.terminate()))
    },
  }
}

const start = (scanner: number): Worker => new Worker(new URL('./worker.ts', import.meta.url), { workerData: scanner })
