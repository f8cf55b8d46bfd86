/** What every part of the benchmark takes and gives. */
import type { BenchResult } from '../main.ts'

export interface PartOptions {
  readonly seeds: number
  /** Rounds of what is timed. */
  readonly rounds: number
  readonly say: (line: string) => void
}

export type SequencesPart = (options: PartOptions) => Promise<BenchResult>

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
export const round = (value: number): number => Number(value.toPrecision(4))
