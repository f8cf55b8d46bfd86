/** What the chain takes from outside besides the log: time, sleep, chance. The simulation passes virtual ones. */
import { randomBytes } from 'node:crypto'
import { isRetryable } from '../../errors.ts'
import type { Log } from '../log.ts'
import type { ChainRules } from './rules.ts'
import { steadyNow } from './steady.ts'

export interface Rim {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`, or as soon as `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** 64 random bits, 16 hex digits. */
  randomId(): string
}

/** A log with the rim and the rules, as every part of the chain takes it. */
export interface ChainIo {
  readonly log: Log
  readonly rim: Rim
  readonly rules: ChainRules
  readonly signal?: AbortSignal
}

/** A partition by its name on the bus. */
export interface Partition {
  readonly topic: string
  readonly partition: number
}

export const realRim = (now: () => number = steadyNow): Rim => ({
  now,
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const finish = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, ms)
      signal?.addEventListener('abort', finish, { once: true })
    }),
  randomId: () => randomBytes(8).toString('hex'),
})

/** Thrown inside a task to unwind it when it is stopped. */
export class Stopped extends Error {}

const firstBackoffMs = 20
const maxBackoffMs = 2000

export const backoffMs = (attempt: number): number => Math.min(maxBackoffMs, firstBackoffMs * 2 ** attempt)

/** How waiting is done, and until when. */
export type Patience = Pick<ChainIo, 'rim' | 'signal'>

/** Calls until it does not fail with a retryable error, waiting longer each time.
 * @throws the first terminal error; Stopped on the signal */
export async function retrying<T>(io: Patience, call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    if (io.signal?.aborted) throw new Stopped()
    try {
      return await call()
    } catch (error) {
      if (!isRetryable(error)) throw error
      await io.rim.sleep(backoffMs(attempt), io.signal)
    }
  }
}
