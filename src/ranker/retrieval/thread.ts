/** Scans in a thread of their own, so that the event loop goes on meanwhile. The rows are shared, not sent. */
import { Worker } from 'node:worker_threads'
import type { Rows } from './rows.ts'
import type { Answer, Message } from './worker.ts'

export interface ScanThread {
  /** As RowScan does. @throws what ended the thread */
  scan(rows: Rows, queries: readonly Float32Array[], count: number): Promise<readonly Int32Array[]>
  close(): Promise<void>
}

export function startScanThread(): ScanThread {
  const worker = new Worker(new URL('./worker.ts', import.meta.url))
  const waiting = new Map<number, PromiseWithResolvers<readonly Int32Array[]>>()
  const ids = new WeakMap<Rows, number>()
  const forgotten = new FinalizationRegistry<number>(id => post({ kind: 'forget', id }))
  let ended: Error | undefined
  let jobs = 0
  let tables = 0
  const post = (message: Message): void => worker.postMessage(message)
  const end = (error: Error): void => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  worker.on('message', ({ job, found }: Answer) => {
    waiting.get(job)?.resolve(found)
    waiting.delete(job)
    if (waiting.size === 0) worker.unref()
  })
  worker.on('error', end)
  worker.on('exit', () => end(new Error('the thread that scans for candidates has ended')))
  worker.unref()
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
      const answer = Promise.withResolvers<readonly Int32Array[]>()
      waiting.set(job, answer)
      worker.ref()
      post({ kind: 'scan', id: idOf(rows), job, queries, size: rows.size, count })
      return answer.promise
    },
    async close() {
      await worker.terminate()
    },
  }
}
