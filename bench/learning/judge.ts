/** How a figure over seeds is judged: two standard errors from the mean, on the wrong side. */
import type { Spread } from '../../src/evaluation/bakeoff/bakeoff.ts'
import type { Bar } from '../main.ts'

export interface Part {
  readonly results: unknown
  readonly bars: readonly Bar[]
}

export interface PartOptions {
  readonly data: string
  readonly seeds?: number
  readonly quick: boolean
  readonly say: (line: string) => void
}

const MAX_CPU_MS = 2

const twoErrors = ({ sd, seeds }: Spread): number => (2 * sd) / Math.sqrt(seeds)

export const surelyAtLeast = (name: string, spread: Spread, atLeast: number): Bar => ({
  name: `${name}, mean - 2 standard errors of ${spread.seeds}`,
  value: spread.mean - twoErrors(spread),
  unit: 'of 1',
  atLeast,
})

export const surelyAtMost = (name: string, spread: Spread, atMost: number): Bar => ({
  name: `${name}, mean + 2 standard errors of ${spread.seeds}`,
  value: spread.mean + twoErrors(spread),
  unit: 'of 1',
  atMost,
})

export const cpuBar = (name: string, value: number): Bar => ({
  name: `${name}: CPU a decision`,
  value,
  unit: 'ms',
  atMost: MAX_CPU_MS,
})

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
