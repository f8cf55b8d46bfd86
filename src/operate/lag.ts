/**
 * Lag of a worker that runs without the chain (features, intake). It is looked at from beside the worker, so that one that hangs
 * in a call shows how long the records in its hands wait.
 */
import { chainRules } from '../log/chain/rules.ts'
import { forgetLag, type LagLabels, showLag } from '../log/lag.ts'
import type { LogRecord } from '../log/log.ts'
import type { ServiceContext } from './context.ts'

export interface LagOptions extends LagLabels {
  /** Of the topic on the bus. */
  readonly name: string
  /** The oldest record that was read and is not done; undefined: all that was read is. */
  readonly oldest: () => LogRecord | undefined
  /** Offset after what was read. */
  readonly next: () => number
  /** Aborts with the worker, whose gauges go then. */
  readonly signal: AbortSignal
  /** Between looks, ms. */
  readonly everyMs?: number
}

/** Shows it now and then. What fails at the log is looked at again: the worker meets it, too, and says so. */
export function watchLag(
  { log, meter, now }: Pick<ServiceContext, 'log' | 'meter' | 'now'>,
  options: LagOptions,
): void {
  const { name, partition, oldest, next, signal, everyMs = chainRules.watchMs } = options
  if (signal.aborted) return
  let endedMs = now()
  /** An end that is not reached yet. Where something always comes, the newest one never is when it is looked at. */
  let end: { readonly offset: number; readonly askedMs: number } | undefined
  const look = async (): Promise<void> => {
    const askedMs = now()
    const { latest } = await log.ends(name, partition)
    if (signal.aborted) return
    const first = oldest()
    const done = first?.offset ?? next()
    const records = Math.max(0, latest - done)
    if (end && done >= end.offset) {
      endedMs = end.askedMs
      end = undefined
    }
    if (records === 0) endedMs = askedMs
    else end ??= { offset: latest, askedMs }
    showLag(meter, options, { records, sinceMs: first?.timestampMs ?? endedMs, nowMs: now() })
  }
  const again = (): void => void look().catch(() => {})
  const timer = setInterval(again, everyMs).unref()
  signal.addEventListener(
    'abort',
    () => {
      clearInterval(timer)
      forgetLag(meter, options)
    },
    { once: true },
  )
  again()
}
