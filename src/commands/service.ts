/** What commands have in common that run until a signal: patience at the start, the signal, and the last line. */
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { FeedloopError, isRetryable } from '../errors.ts'
import { createLogger } from '../operate/context.ts'
import type { Awaited } from '../operate/http.ts'

/** From a failed try to start to the next; each try is patient itself. */
const RETRY_MS = 1000
/** A terminal tells the whole group of a Ctrl-C, and npm and bin/feedloop.mjs hand it on: what comes so soon is the same. */
const SAME_MS = 1000

/** Calls until it succeeds or cannot.
 * @param shown is made to say what is awaited meanwhile
 * @throws the first error that is not retryable */
export async function insist<T>(
  name: string,
  call: () => Promise<T>,
  logger: Logger,
  shown: { awaited: readonly Awaited[] },
): Promise<T> {
  let waitingFor = 'the first attempt'
  shown.awaited = [{ name, waitingFor: () => waitingFor }]
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!isRetryable(error)) throw error
      const { code, message } = error as FeedloopError
      waitingFor = message
      logger.warn({ code }, `${message}; trying again`)
      await sleep(RETRY_MS)
    }
  }
}

/** Resolves with the first; one that comes later, while it drains, ends the process at once. */
export const untilSignal = (): Promise<undefined> =>
  new Promise(resolve => {
    let firstMs = Number.POSITIVE_INFINITY
    for (const name of ['SIGTERM', 'SIGINT'] as const)
      process.on(name, () => {
        if (performance.now() - firstMs > SAME_MS) process.exit(128 + constants.signals[name])
        firstMs = Math.min(firstMs, performance.now())
        resolve(undefined)
      })
  })

/** The one line that says why a service ended. */
export function fatal(error: unknown): 1 {
  const code = error instanceof FeedloopError ? error.code : 'unexpected'
  const detail = error instanceof FeedloopError ? error.message : ((error as Error)?.stack ?? String(error))
  createLogger('fatal').fatal(
    { code },
    detail
      .split('\n')
      .map(line => line.trim().replace(/:$/, ''))
      .filter(line => line !== '')
      .join('; ')
      .replace(/^(\w+);/, '$1:'),
  )
  return 1
}
