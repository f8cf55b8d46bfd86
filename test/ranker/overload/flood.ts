/** Load on a door: as many at a time as can be, to know what is possible; then at a rate, whatever comes back. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Request } from '../../../schemas/records.ts'
import type { Door, End } from './doors.ts'

export interface Flooded {
  readonly asked: number
  readonly ends: Readonly<Record<End, number>>
  readonly p99Ms: number
  readonly worstMs: number
}

type MakeRequest = () => Request

/** Tells what becomes of what is asked through it. */
function counting(door: Door, makeRequest: MakeRequest) {
  const ends: Record<End, number> = {}
  const tookMs: number[] = []
  let asked = 0
  return {
    ends,
    tookMs,
    get asked() {
      return asked
    },
    get open() {
      return asked - tookMs.length
    },
    ask(): Promise<void> {
      asked++
      const began = performance.now()
      return new Promise(resolve =>
        door.ask(makeRequest(), end => {
          ends[end] = (ends[end] ?? 0) + 1
          tookMs.push(performance.now() - began)
          resolve()
        }),
      )
    },
  }
}

/** @returns full decisions a second with `atATime` callers, each of whom waits for its answer */
export async function calm(door: Door, makeRequest: MakeRequest, atATime: number, seconds: number): Promise<number> {
  const count = counting(door, makeRequest)
  const began = performance.now()
  const caller = async (): Promise<void> => {
    while (performance.now() - began < 1000 * seconds) await count.ask()
  }
  await Promise.all(Array.from({ length: atATime }, caller))
  return ((count.ends.full ?? 0) / (performance.now() - began)) * 1000
}

/** @param rate requests a second @param drainMs after the last all must have their answers */
export async function flood(door: Door, makeRequest: MakeRequest, rate: number, seconds: number, drainMs: number) {
  const count = counting(door, makeRequest)
  const began = performance.now()
  for (let at = 0; at < 1000 * seconds; at = performance.now() - began) {
    for (let due = Math.floor((rate * at) / 1000) - count.asked; due > 0; due--) void count.ask()
    await sleep(2)
  }
  const { asked } = count
  for (const end = performance.now() + drainMs; count.open > 0; await sleep(10))
    assert.ok(performance.now() < end, `${count.open} of ${asked} have no answer: ${JSON.stringify(count.ends)}`)
  const inOrder = Float64Array.from(count.tookMs).sort()
  return { asked, ends: count.ends, p99Ms: inOrder[Math.floor(0.99 * asked)]!, worstMs: inOrder.at(-1)! }
}
