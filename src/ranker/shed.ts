/**
 * Load shedding: above a bound only some of the requests are decided in full, by a seeded coin of known probability. The
 * coin knows the load (how long the step's requests have waited and how many candidates they may take) and the request id
 * and nothing else, so a sum over those that pass of what a decision is and earned itself, each weighed by
 * 1 / pass_probability, is unbiased for all (Horvitz & Thompson 1952). What needs the next decision too is not: that one
 * has a coin of its own, which no weight undoes (γ > 0; docs/ranking.md). The probability falls on a line from 1 to
 * `leastPass` while the waiting time grows from `fromMs` to `toMs` (random early detection, Floyd & Jacobson 1993), and of
 * a burst `perStep` pass on average, fewer where they have many candidates; it never is 0, or what happens under load could
 * not be known at all.
 */
import type { Request } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { FeatureStore } from '../features/store.ts'
import type { Input, Tick } from '../stage.ts'
import { createRandom, seedOf } from '../state/random.ts'
import { maxFromCatalogue } from './candidates.ts'
import { indexOf } from './retrieval/catalogue-index.ts'

/** Salt of the coin's own stream: what a decision chooses does not depend on it. */
const shedSalt = 3

/** So many candidates are one request's share of a step. A decision logs some 40 bytes of each, so that at `perStep` = 500 those that
 * pass take half a batch: a step that exceeds one is taken again with half its requests, and all that it decided is decided twice. */
const CANDIDATES_A_SHARE = 100

/** The probability with which each request of a step passes. The waiting time is the median of the step's requests, so
 * that no clock of a single producer decides it; a few requests are no load, however old they are.
 * @param features a request without candidates of its own takes no more than are eligible for its policy */
export function passProbabilityOf(
  requests: readonly Input<Request>[],
  tick: Tick,
  config: Config,
  features: FeatureStore,
): number {
  const { shedding } = config
  if (shedding === undefined || requests.length < shedding.fromRequests) return 1
  const waitedMs = requests.map(({ timestampMs }) => tick.timeMs - timestampMs).sort((a, b) => a - b)
  const byWaiting = onLine(waitedMs[waitedMs.length >> 1], shedding)
  const shares = requests.reduce((sum, { value }) => sum + sharesOf(value, config, features), 0)
  return Math.max(shedding.leastPass, Math.min(byWaiting, shedding.perStep / shares))
}

/** What a request takes of a step, in requests of up to 100 candidates. One of no policy is refused anyhow. */
function sharesOf({ policy: name, candidates }: Request, config: Config, features: FeatureStore): number {
  const policy = config.policies.find(each => each.name === name)
  if (policy === undefined) return 1
  const count =
    candidates?.length ?? Math.min(indexOf(features, policy).eligible.size, maxFromCatalogue(config, policy))
  return Math.max(1, count / CANDIDATES_A_SHARE)
}

/** 1 at `fromMs`, `leastPass` at `toMs`. */
function onLine(waitedMs: number, { fromMs, toMs, leastPass }: NonNullable<Config['shedding']>): number {
  const over = (waitedMs - fromMs) / (toMs - fromMs)
  if (over <= 0) return 1
  return over >= 1 ? leastPass : 1 - (1 - leastPass) * over
}

export const passes = (requestId: string, probability: number): boolean =>
  probability === 1 || createRandom(seedOf(requestId, shedSalt)).uniform() < probability
