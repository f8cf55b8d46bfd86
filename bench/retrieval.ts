/**
 * Retrieval alone: the best 1,000 of 10 thousand, 100 thousand and 1 million items of 64 dimensions, as the ranker finds them: rows
 * scanned in a thread, the few that were found ordered by exact scores. In turns with the same scan in this thread, with an
 * exact one over float32, with TensorFlow.js on WebAssembly and, where it is installed, with USearch's HNSW. `--scale 0.1`
 * shrinks the catalogues, `--rounds` sets the rounds, `--only 1m` picks of 10k, 100k, 1m and line.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createRowScan, createRows } from '../src/ranker/retrieval/rows.ts'
import { asked } from '../src/ranker/retrieval/search.ts'
import { startScanThread } from '../src/ranker/retrieval/thread.ts'
import { recall, vectorsLike } from '../test/ranker/retrieval/vectors.ts'
import type { Bar, BenchOptions, BenchResult } from './main.ts'
import { exactScan, hnsw, rerank, type Search, tensorflow } from './retrieval/contestants.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const DIMENSIONS = 64
const WANTED = 1000
const SIZES = { '10k': 10_000, '100k': 100_000, '1m': 1_000_000 }
const QUERIES = 40
/** Times that the scans go through the queries a round: of 120 the 99th percentile is the second largest, which is the machine's. */
const PASSES = 5
const scans = ['thread', 'inStep']
/** Beyond this many items the graph of the peer takes minutes to build. */
const GRAPH_ITEMS = 100_000
/** Sizes for the line up to which a scan belongs into the step. */
const LADDER = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000]

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const rounds = Number(args.rounds ?? 3)
  const parts = String(args.only ?? [...Object.keys(SIZES), 'line'].join()).split(',')
  const catalogues = []
  for (const [part, size] of Object.entries(SIZES)) {
    if (!parts.includes(part)) continue
    const items = Math.round(size * Number(args.scale ?? 1))
    say(`${items} items`)
    catalogues.push(await measure(items, rounds, say))
  }
  const line = parts.includes('line') ? await findLine(rounds) : undefined
  return {
    results: { dimensions: DIMENSIONS, wanted: WANTED, catalogues, line },
    bars: catalogues.length > 0 ? barsOf(catalogues) : [],
  }
}

type Measured = Awaited<ReturnType<typeof measure>>

function barsOf(catalogues: readonly Measured[]): Bar[] {
  const [{ items, ms, eventLoopDelayMs }] = catalogues.slice(-1)
  const recallAt100 = Math.min(...catalogues.map(each => each.recallAt100.thread))
  const late = eventLoopDelayMs.thread - eventLoopDelayMs.idle
  return [
    { name: `a query of ${items} items, p99`, value: ms.thread.p99, unit: 'ms', atMost: 20 },
    { name: 'recall@100', value: recallAt100, unit: '', atLeast: 0.99 },
    {
      name: `event-loop delay while the thread scans ${items} items, p99, beyond that of an idle loop`,
      value: late,
      unit: 'ms',
      atMost: 2,
    },
  ]
}

async function measure(items: number, rounds: number, say: (line: string) => void) {
  const { vectors, queries } = vectorsLike('topics', items, DIMENSIONS, QUERIES)
  const rows = createRows(DIMENSIONS)
  const writeMs = timed(() => vectors.forEach((vector, row) => void rows.write(row, vector, 0)))
  const thread = startScanThread()
  const scan = createRowScan(rows)
  const count = asked(WANTED)
  const contestants: Record<string, Search> = {
    thread: async query => rerank((await thread.scan(rows, [query], count))[0], vectors, query, WANTED),
    inStep: async query => rerank(scan([query], rows.size, count)[0], vectors, query, WANTED),
    float32: exactScan(vectors, DIMENSIONS, WANTED),
    tensorflow: await tensorflow(vectors, DIMENSIONS, WANTED),
  }
  const peer = items <= GRAPH_ITEMS ? await hnsw(vectors, DIMENSIONS, WANTED, say) : undefined
  if (peer) contestants.hnsw = peer.search
  try {
    const exact = await answers(contestants.float32, queries)
    const times = new Map(Object.keys(contestants).map(name => [name, [] as number[]]))
    for (let round = 0; round <= rounds; round++)
      for (const [name, search] of Object.entries(contestants)) {
        // What one leaves behind is not the next one's to clear away.
        collectGarbage()
        for (let pass = 0; pass < (scans.includes(name) ? PASSES : 1); pass++)
          for (const query of queries) {
            const startMs = performance.now()
            await search(query)
            // The first round warms up.
            if (round > 0) times.get(name)!.push(performance.now() - startMs)
          }
      }
    const recallAt100: Record<string, number> = {}
    for (const [name, search] of Object.entries(contestants)) {
      const found = await answers(search, queries)
      const each = found.map((rows, k) => recall(rows.slice(0, 100), exact[k].slice(0, 100)))
      recallAt100[name] = each.reduce((a, b) => a + b) / each.length
    }
    return {
      items,
      ms: Object.fromEntries(
        [...times].map(([name, ms]) => [name, { p50: quantile(ms, 0.5), p99: quantile(ms, 0.99) }]),
      ) as Record<string, { p50: number; p99: number }>,
      recallAt100,
      eventLoopDelayMs: {
        idle: await loopDelay(() => sleep(15)),
        thread: await loopDelay(() => thread.scan(rows, [queries[0]], count)),
        inStep: await loopDelay(async () => {
          scan([queries[0]], rows.size, count)
          await sleep(1)
        }),
      },
      memoryMiB: { rows: rows.bytes / 2 ** 20, float32: (4 * DIMENSIONS * items) / 2 ** 20, hnsw: peer?.memoryMiB },
      writeMicrosPerItem: (1000 * writeMs) / items,
      hnswBuildMicrosPerItem: peer && (1e6 * peer.buildSeconds) / items,
    }
  } finally {
    await thread.close()
  }
}

const answers = async (search: Search, queries: readonly Float32Array[]): Promise<readonly number[][]> => {
  const found: number[][] = []
  for (const query of queries) found.push([...(await search(query))])
  return found
}

/** By how much timers are late, 99th percentile, ms, while `work` is done again and again for two seconds. */
async function loopDelay(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  for (const endMs = performance.now() + 2000; performance.now() < endMs; ) await work()
  delay.disable()
  return delay.percentile(99) / 1e6
}

/** Median ms of a scan in this thread and in another, by size. */
async function findLine(rounds: number) {
  const thread = startScanThread()
  const ladder = []
  for (const items of LADDER) {
    const { vectors, queries } = vectorsLike('topics', items, DIMENSIONS, QUERIES)
    const rows = createRows(DIMENSIONS)
    vectors.forEach((vector, row) => void rows.write(row, vector, 0))
    const scan = createRowScan(rows)
    const here: number[] = []
    const there: number[] = []
    for (let round = 0; round <= rounds; round++)
      for (const query of queries) {
        here.push(timed(() => scan([query], rows.size, asked(WANTED))))
        const startMs = performance.now()
        await thread.scan(rows, [query], asked(WANTED))
        there.push(performance.now() - startMs)
      }
    ladder.push({ items, inStepMs: quantile(here, 0.5), threadMs: quantile(there, 0.5) })
  }
  await thread.close()
  return ladder
}

function timed(work: () => unknown): number {
  const startMs = performance.now()
  work()
  return performance.now() - startMs
}

const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]
