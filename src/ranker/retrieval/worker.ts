/** A thread that scans: keeps the rows that it was told of, takes its part of one job after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Scored } from './best.ts'
import { BLOCK } from './layout.ts'
import { type BlockScan, createBlockScan, type SharedRows } from './rows.ts'

export type Message =
  | { readonly kind: 'rows'; readonly id: number; readonly rows: SharedRows }
  | { readonly kind: 'forget'; readonly id: number }
  | ({ readonly kind: 'scan'; readonly id: number; readonly job: number } & Job)

export interface Job {
  readonly queries: readonly Float32Array[]
  readonly size: number
  readonly count: number
  /** Shared by the threads: blocks that one of them has taken. So who is late has less to do. */
  readonly taken: Int32Array
}

export interface Answer {
  readonly job: number
  /** By query, of the blocks that this thread took. */
  readonly found: readonly Scored[]
}

const scans = new Map<number, BlockScan>()

parentPort!.on('message', (message: Message) => {
  if (message.kind === 'rows') scans.set(message.id, createBlockScan(message.rows, workerData))
  else if (message.kind === 'forget') scans.delete(message.id)
  else {
    const { job, id, queries, size, count, taken } = message
    const best = scans.get(id)!(queries, size, count, () => BLOCK * Atomics.add(taken, 0, 1))
    const answer: Answer = { job, found: best.map(each => each.scored()) }
    parentPort!.postMessage(answer)
  }
})
