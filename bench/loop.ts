/**
 * The whole loop on real Kafka, closed-loop traffic: decisions/s, request to accepted recommendation, and outcome to
 * the first serving model that contains it. Rounds are medians; broker, services and traffic share the machine.
 */
import { runLoop } from '../src/demo/loop.ts'
import type { LoopReport } from '../src/demo/report.ts'
import { openEnvironment } from '../src/environments/open.ts'
import type { BenchOptions, BenchResult } from './main.ts'

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const seconds = Number(args.seconds ?? 20)
  const rounds: LoopReport[] = []
  for (let round = 1; round <= Number(args.rounds ?? 3); round++) {
    rounds.push(await runLoop({ environment: openEnvironment('recogym'), bus: 'kafka', seconds, seed: round }))
    say(`round ${round}: ${rounds.at(-1)!.decisions} decisions in ${seconds} s`)
  }
  const of = (pick: (report: LoopReport) => number): number => median(rounds.map(pick))
  const results = {
    bus: rounds[0].bus,
    rounds: rounds.length,
    secondsEach: seconds,
    decisionsPerSecond: of(report => report.decisions / report.seconds),
    requestToRecommendationMs: { p50: of(r => r.latencyMs.p50), p99: of(r => r.latencyMs.p99) },
    rewardToServingMs: { p50: of(r => r.freshnessMs.p50), p99: of(r => r.freshnessMs.p99) },
    balanced: rounds.every(report => report.balanced),
  }
  return {
    results,
    bars: [
      { name: 'reward to serving, p50', value: results.rewardToServingMs.p50, unit: 'ms', atMost: 2000 },
      {
        name: 'rounds that balance',
        value: rounds.filter(report => report.balanced).length,
        unit: 'rounds',
        atLeast: rounds.length,
      },
    ],
  }
}
