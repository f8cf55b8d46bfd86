/** One load on one contestant as figures. */
import type { Contestant, Cpu, Generator, Name } from './contestants.ts'
import { type Load, quantile, type Seen } from './generate.ts'
import { median } from './own.ts'

export interface Run {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly failed: number
  readonly asked: number
  readonly leftBehindMs: number
  readonly generatorLateP99: number
  /** CPU ms a decision by process. */
  readonly cpu: Cpu
  /** Core-seconds a second of the process that decides. */
  readonly cores: number
}

export type Loading = Omit<Load, 'config' | 'port'>

export async function runOnce(
  generator: Generator,
  contestant: Contestant,
  load: Loading,
  during?: () => Promise<unknown>,
): Promise<Run> {
  const { seen, cpu } = await generator.run(contestant, load, during)
  return { ...latenciesOf(seen), ...countsOf(seen), ...cpuOf(cpu, seen, load) }
}

/** Who was not answered waited for ever: else who answers few looks fast. */
const latenciesOf = ({ latencies, failed }: Seen) => {
  const values = [...latencies.map(([, latencyMs]) => latencyMs), ...new Array<number>(failed).fill(Infinity)]
  return { p50: quantile(values, 0.5), p95: quantile(values, 0.95), p99: quantile(values, 0.99) }
}
const countsOf = ({ failed, asked, leftBehindMs, lateP99 }: Seen) => ({
  failed,
  asked,
  leftBehindMs,
  generatorLateP99: lateP99,
})
const cpuOf = (cpu: Cpu, { asked }: Seen, { seconds }: Loading) => ({
  cpu: Object.fromEntries(Object.entries(cpu).map(([name, ms]) => [name, ms / asked])) as unknown as Cpu,
  cores: cpu.decides / 1000 / seconds,
})

/** Medians of rounds; of failures the most. */
export function summary(runs: readonly Run[]) {
  const of = (pick: (run: Run) => number, digits = 1) => Number(median(runs.map(pick)).toFixed(digits))
  return {
    p50: of(run => run.p50),
    p95: of(run => run.p95),
    p99: of(run => run.p99),
    failed: Math.max(...runs.map(run => run.failed)),
    asked: runs[0].asked,
    leftBehindMs: of(run => run.leftBehindMs, 0),
    generatorLateP99: of(run => run.generatorLateP99),
    cpuMs: of(run => run.cpu.decides, 3),
    gatewayCpuMs: of(run => run.cpu.gateway, 3),
    generatorCpuMs: of(run => run.cpu.generator, 3),
    brokerCpuMs: of(run => run.cpu.broker, 3),
    cores: of(run => run.cores, 2),
  }
}

export type Summary = ReturnType<typeof summary>

export const show = (name: Name, load: Loading, run: Run): string =>
  `${load.door} ${load.candidates} of ${load.items} at ${load.rate}/s, ${name}: p50 ${run.p50.toFixed(1)}, p99 ${run.p99.toFixed(1)} ms, ` +
  `${run.cpu.decides.toFixed(2)} CPU ms, ${run.cores.toFixed(2)} cores, ${run.failed} of ${run.asked} failed, asked ${run.generatorLateP99.toFixed(1)} ms late`
