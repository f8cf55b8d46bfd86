/** The order of `policies`, looked at while a service starts: it says so by itself, and not only once something comes. */
import { assertOrder } from '../models/start.ts'
import type { ServiceContext } from './context.ts'

export interface OrderCheck {
  /** Resolves when every partition of `models` ends with versions of its own policy, or of none that is configured. */
  readonly ordered: Promise<void>
  /** Rejects when one does not, with MODEL_INCOMPATIBLE, or can't be read for good; not after the signal. */
  readonly refused: Promise<never>
}

/** Begins at once. @param signal ends it */
export function checkOrder(context: ServiceContext, signal: AbortSignal): OrderCheck {
  const ordered = assertOrder({ ...context, signal })
  const never = new Promise<never>(() => {})
  const refused = ordered.then(
    () => never,
    error => (signal.aborted ? never : Promise.reject(error)),
  )
  // who waits for them hears of it; it may be nobody yet
  for (const each of [ordered, refused]) each.catch(() => {})
  return { ordered, refused }
}
