/**
 * Load shedding: above a bound only some of the requests are decided in full, by a seeded coin of known probability. The
 * coin knows the load and the request id and nothing else, so a sum over those that pass of what a decision is and
 * earned itself, each weighed by 1 / pass_probability, is unbiased for all (Horvitz & Thompson 1952). What needs the next
 * decision too is not: that one has a coin of its own, which no weight undoes (γ > 0; docs/ranking.md). The probability
 * falls on a line from 1 to `leastPass` while the waiting time grows from `fromMs` to `toMs` (random early detection,
 * Floyd & Jacobson 1993), and of a burst `perStep` pass on average; it never is 0, or what happens under load could not
 * be known at all.
 */
import type { Request } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { Input, Tick } from '../stage.ts'
import { createRandom, seedOf } from '../state/random.ts'

/** Salt of the coin's own stream: what a decision chooses does not depend on it. */
const shedSalt = 3

/** The probability with which each request of a step passes. The waiting time is the median of the step's requests, so
 * that no clock of a single producer decides it; a few requests are no load, however old they are. */
export function passProbabilityOf(
  requests: readonly Input<Request>[],
  tick: Tick,
  { shedding }: Pick<Config, 'shedding'>,
): number {
  if (shedding === undefined || requests.length < shedding.fromRequests) return 1
  const waitedMs = requests.map(({ timestampMs }) => tick.timeMs - timestampMs).sort((a, b) => a - b)
  const byWaiting = onLine(waitedMs[waitedMs.length >> 1], shedding)
  return Math.max(shedding.leastPass, Math.min(byWaiting, shedding.perStep / requests.length))
}

/** 1 at `fromMs`, `leastPass` at `toMs`. */
function onLine(waitedMs: number, { fromMs, toMs, leastPass }: NonNullable<Config['shedding']>): number {
  const over = (waitedMs - fromMs) / (toMs - fromMs)
  if (over <= 0) return 1
  return over >= 1 ? leastPass : 1 - (1 - leastPass) * over
}

export const passes = (requestId: string, probability: number): boolean =>
  probability === 1 || createRandom(seedOf(requestId, shedSalt)).uniform() < probability
