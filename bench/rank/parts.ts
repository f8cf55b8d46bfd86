/** What is measured of a catalogue whose contestants run: cells of rate and candidates, the largest rate, swaps. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Contestant, Generator, Name } from './contestants.ts'
import type { createPublisher } from './publish.ts'
import { type Loading, type Run, runOnce, type Summary, show, summary } from './run.ts'

export const RATES = [50, 500, 2000]
export const CANDIDATES = [20, 1000]
/** Requests a second times candidates above which nobody keeps up here: looked at once. */
const TOO_MUCH = 1_000_000
const WARM_SECONDS = 1.5

export interface Field {
  readonly items: number
  readonly seconds: number
  readonly rounds: number
  readonly generator: Generator
  readonly contestants: readonly Contestant[]
  /** Resolves when nothing is left of what was asked before. */
  readonly idle: () => Promise<void>
  readonly say: (line: string) => void
}

export interface Cell {
  readonly door: Loading['door']
  readonly rate: number
  readonly candidates: number
  readonly items: number
  readonly of: Readonly<Record<Name, Summary>>
}

const loadOf = ({ items, seconds }: Field, at: Pick<Loading, 'door' | 'rate' | 'candidates'>, seed = 1): Loading => ({
  ...at,
  items,
  seconds,
  seed,
  warmSeconds: WARM_SECONDS,
})

/** A run that leaves nothing behind for the next: whoever was not answered in time may still be in the log. */
async function runThrough(field: Field, contestant: Contestant, load: Loading, during?: () => Promise<unknown>) {
  const run = await runOnce(field.generator, contestant, load, during)
  if (run.failed > 0) await field.idle()
  return run
}

/** Both contestants at every rate and size, in turn. */
export async function cells(field: Field, door: Loading['door'], rates = RATES): Promise<Cell[]> {
  const found: Cell[] = []
  for (const candidates of CANDIDATES)
    for (const rate of rates) {
      const runs: Record<Name, Run[]> = { ranker: [], echo: [] }
      const rounds = rate * candidates > TOO_MUCH ? 1 : field.rounds
      for (let round = 1; round <= rounds; round++)
        for (const contestant of field.contestants) {
          const load = loadOf(field, { door, rate, candidates }, round)
          const run = await runThrough(field, contestant, load)
          runs[contestant.name].push(run)
          field.say(show(contestant.name, load, run))
        }
      const of = { ranker: summary(runs.ranker), echo: summary(runs.echo) }
      found.push({ door, rate, candidates, items: field.items, of })
    }
  return found
}

/** Requests a second by which everybody is compiled: some thousands of a size. */
const WARM_RATE = 300

/** Just-in-time compilation of everybody. */
export async function warmUp(field: Field, doors: readonly Loading['door'][]): Promise<void> {
  for (const contestant of field.contestants)
    for (const door of doors)
      for (const candidates of CANDIDATES)
        await runThrough(field, contestant, loadOf(field, { door, rate: WARM_RATE, candidates }))
}

const GROWTH = 1.25
/** Kept up: everybody is answered, and the last soon. */
export const SOON_MS = 500

/** The largest rate on a ladder of a quarter more each that the ranker keeps up with, Kafka to Kafka. */
export async function largestRate(field: Field, candidates: number) {
  const ranker = field.contestants.find(({ name }) => name === 'ranker')!
  let kept: { readonly rate: number; readonly run: Run } | undefined
  for (let rate = candidates > 100 ? 50 : 500; ; rate = Math.round(rate * GROWTH)) {
    const load = loadOf(field, { door: 'kafka', rate, candidates })
    const run = await runThrough(field, ranker, load)
    field.say(show('ranker', load, run))
    const keepsUp = run.failed === 0 && run.leftBehindMs < SOON_MS
    if (!keepsUp)
      return { candidates, rate: kept?.rate ?? 0, ...(kept && summary([kept.run])), nextFailed: summary([run]) }
    kept = { rate, run }
  }
}

const SWAP_RATE = 500
const SWAP_EVERY_MS = 1000

/** The same load with a version a second and without, in turn. */
export async function swaps(field: Field, publisher: ReturnType<typeof createPublisher>) {
  const ranker = field.contestants.find(({ name }) => name === 'ranker')!
  const load = loadOf(field, { door: 'kafka', rate: SWAP_RATE, candidates: 20 })
  const runs: Record<'still' | 'swapping', Run[]> = { still: [], swapping: [] }
  const publish = async (): Promise<void> => {
    for (let left = Math.floor(field.seconds); left > 0; left--) {
      await publisher.next()
      await sleep(SWAP_EVERY_MS)
    }
  }
  for (let round = 1; round <= field.rounds; round++)
    for (const kind of ['still', 'swapping'] as const) {
      const run = await runThrough(field, ranker, load, kind === 'swapping' ? publish : undefined)
      runs[kind].push(run)
      field.say(`${kind}: ${show('ranker', load, run)}`)
    }
  return { still: summary(runs.still), swapping: summary(runs.swapping) }
}
