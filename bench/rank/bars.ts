/** What was found, and what must hold of it. */
import type { Bar } from '../main.ts'
import type { OwnWork } from './own.ts'
import { type Cell, type largestRate, SOON_MS, type swaps } from './parts.ts'

export interface Found {
  readonly own: (OwnWork & { readonly items: number; readonly candidates: number; readonly slots?: number })[]
  readonly cells: Cell[]
  readonly rates: Awaited<ReturnType<typeof largestRate>>[]
  readonly swaps: Awaited<ReturnType<typeof swaps>>[]
}

const OWN_MS: Readonly<Record<number, number>> = { 20: 0.3, 1000: 1 }

/** Bars of the parts that ran. */
export const barsOf = ({ own, cells, swaps }: Found): Bar[] => [
  ...own
    .filter(({ slots = 1 }) => slots === 1)
    .map(({ micros, candidates, items }) => ({
      name: `own work, ${candidates} candidates of ${items}`,
      value: Number((micros / 1000).toFixed(3)),
      unit: 'ms',
      atMost: OWN_MS[candidates],
    })),
  ...cells
    .filter(({ rate, candidates, door }) => rate === 500 && (door === 'http' || candidates === 1000))
    .map(againstEcho),
  ...cells
    .filter(({ rate, candidates, door }) => door === 'kafka' && rate === 2000 && candidates === 20)
    .flatMap(oneCore),
  ...swaps.flatMap(({ still, swapping }) => [
    { name: 'requests that failed under swaps', value: swapping.failed, unit: 'requests', atMost: 0 },
    { name: 'p99 under swaps, of that without', value: ratio(swapping.p99, still.p99), unit: 'times', atMost: 2 },
  ]),
]

const ratio = (a: number, b: number): number => Number((a / b).toFixed(2))

const againstEcho = ({ door, rate, candidates, items, of }: Cell): Bar => ({
  name: `p99 over ${door} at ${rate}/s, ${candidates} candidates of ${items}, of the echo's`,
  value: ratio(of.ranker.p99, of.echo.p99),
  unit: 'times',
  atMost: 1.5,
})

const oneCore = ({ items, of: { ranker } }: Cell): Bar[] => [
  { name: `cores at 2,000/s, 20 candidates of ${items}`, value: ranker.cores, unit: 'cores', atMost: 1 },
  { name: `failed at 2,000/s, 20 candidates of ${items}`, value: ranker.failed, unit: 'requests', atMost: 0 },
  {
    name: `left behind at 2,000/s, 20 candidates of ${items}`,
    value: ranker.leftBehindMs,
    unit: 'ms',
    atMost: SOON_MS,
  },
]
