/** The thread that scans: keeps the rows that it was told of, answers one job after the other. */
import { parentPort } from 'node:worker_threads'
import { createRowScan, type RowScan, type SharedRows } from './rows.ts'

export type Message =
  | { readonly kind: 'rows'; readonly id: number; readonly rows: SharedRows }
  | { readonly kind: 'forget'; readonly id: number }
  | ({ readonly kind: 'scan'; readonly id: number; readonly job: number } & Job)

export interface Job {
  readonly queries: readonly Float32Array[]
  readonly size: number
  readonly count: number
}

export interface Answer {
  readonly job: number
  readonly found: readonly Int32Array[]
}

const scans = new Map<number, RowScan>()

parentPort!.on('message', (message: Message) => {
  if (message.kind === 'rows') scans.set(message.id, createRowScan(message.rows, 1))
  else if (message.kind === 'forget') scans.delete(message.id)
  else {
    const { job, id, queries, size, count } = message
    const answer: Answer = { job, found: scans.get(id)!(queries, size, count) }
    parentPort!.postMessage(answer)
  }
})
