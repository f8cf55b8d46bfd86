/**
 * Vectors of items in 7 bits an element, each with a scale of its own, and a scan for the rows of the greatest dot product with a query
 * (Jégou et al. 2011 call it asymmetric: the query is hardly quantised). What it misses at the margin, an exact look at a few more
 * than are wanted makes good. One thread writes; any may scan meanwhile, and may see a row half written.
 */
import { type Best, createBest } from './best.ts'
import { instantiateKernel } from './kernel.ts'
import {
  BLOCK,
  COLUMNS,
  columnsOf,
  GROUP,
  groupAt,
  groupBytes,
  HIT_BYTES,
  hitsAt,
  MAX_DIMENSIONS,
  MAX_PAGES,
  PAGE,
  queryAt,
} from './layout.ts'

/** What a thread needs to scan. */
export interface SharedRows {
  readonly memory: WebAssembly.Memory
  readonly dimensions: number
}

export interface Rows extends SharedRows {
  /** Rows written so far, or passed over. */
  readonly size: number
  /** Of those: what a scan goes through. */
  readonly bytes: number
  /** @param bias added to the row's dot products; -∞: it is never found */
  write(row: number, vector: Float32Array, bias: number): void
  /** Keeps the row from being found. */
  hide(row: number): void
}

/** An element of a row is in 7 bits: so many levels on either side of this. */
const LEVELS = 63
const ZERO = 64
/** Of a query. No sum of products gets out of int32. */
const QUERY_LEVELS = 127

/** @throws RangeError for vectors longer than a query may be */
export function createRows(dimensions: number): Rows {
  if (dimensions > MAX_DIMENSIONS) throw new RangeError(`${dimensions} dimensions are too many to scan`)
  const columns = columnsOf(dimensions)
  const memory = new WebAssembly.Memory({ initial: 1 + groupAt(0, columns) / PAGE, maximum: MAX_PAGES, shared: true })
  let int8 = new Int8Array(memory.buffer)
  let float32 = new Float32Array(memory.buffer)
  let size = 0
  const reach = (row: number): void => {
    while (size <= row) {
      const at = groupAt(size >> 2, columns)
      if (at + groupBytes(columns) > int8.length) grow()
      float32[biasAt(size)] = Number.NEGATIVE_INFINITY
      size++
      // Those that fill the group up are scanned with it.
      if (size === row + 1) for (let next = size; next % GROUP; next++) float32[biasAt(next)] = Number.NEGATIVE_INFINITY
    }
  }
  const grow = (): void => {
    const pages = int8.length / PAGE
    memory.grow(Math.max(1, Math.min(Math.ceil(pages / 4), MAX_PAGES - pages)))
    int8 = new Int8Array(memory.buffer)
    float32 = new Float32Array(memory.buffer)
  }
  const scaleAt = (row: number): number => groupAt(row >> 2, columns) / 4 + columns + (row % GROUP)
  const biasAt = (row: number): number => scaleAt(row) + GROUP
  return {
    memory,
    dimensions,
    get size() {
      return size
    },
    get bytes() {
      return Math.ceil(size / GROUP) * groupBytes(columns)
    },
    write(row, vector, bias) {
      reach(row)
      let most = 0
      for (let j = 0; j < dimensions; j++) most = Math.max(most, Math.abs(vector[j]))
      const scale = most / LEVELS
      const start = groupAt(row >> 2, columns) + COLUMNS * (row % GROUP)
      for (let j = 0; j < dimensions; j++)
        int8[start + GROUP * (j & -COLUMNS) + (j % COLUMNS)] = ZERO + (most > 0 ? Math.round(vector[j] / scale) : 0)
      float32[scaleAt(row)] = scale
      float32[biasAt(row)] = bias
    },
    hide(row) {
      reach(row)
      float32[biasAt(row)] = Number.NEGATIVE_INFINITY
    },
  }
}

/** Finds the `count` rows of the greatest score among the first `size`, for each query, in the order of their numbers. */
export type RowScan = (queries: readonly Float32Array[], size: number, count: number) => Int32Array[]

/** Scans the blocks that `next` gives, until one is not below `size`. @param next its first row */
export type BlockScan = (queries: readonly Float32Array[], size: number, count: number, next: () => number) => Best[]

/** In the thread of the step. */
export function createRowScan(rows: SharedRows): RowScan {
  const scan = createBlockScan(rows, 0)
  return (queries, size, count) => {
    let from = -BLOCK
    const best = scan(queries, size, count, () => {
      from += BLOCK
      return from
    })
    return best.map(each => each.rows())
  }
}

/** @param scanner a number of its own for each thread, below SCANNERS */
export function createBlockScan({ memory, dimensions }: SharedRows, scanner: number): BlockScan {
  const columns = columnsOf(dimensions)
  const scan = instantiateKernel(memory, columns)
  return (queries, size, count, next) => {
    const best = queries.map(() => createBest(count))
    const query = new Int8Array(memory.buffer, queryAt(scanner), columns)
    const ints = new Int32Array(memory.buffer, 0, hitsAt(scanner) / 4 + (BLOCK / GROUP) * (HIT_BYTES / 4))
    const floats = new Float32Array(memory.buffer, 0, ints.length)
    const quantised = queries.map(quantise)
    // Block by block, so that a second query finds the rows in the cache.
    for (let from = next(); from < size; from = next()) {
      const [group, end] = [from, Math.min(from + BLOCK, size)].map(row => groupAt(Math.ceil(row / GROUP), columns))
      for (const [k, { values, unit, zero }] of quantised.entries()) {
        query.set(values)
        const hits = scan(queryAt(scanner), group, end, hitsAt(scanner), unit, best[k].least, zero)
        for (let hit = hitsAt(scanner) / 4; hit < hits / 4; hit += HIT_BYTES / 4) {
          const row = from + (GROUP * (ints[hit + GROUP] - group)) / groupBytes(columns)
          for (let r = 0; r < GROUP; r++) best[k].offer(row + r, floats[hit + r])
        }
      }
    }
    return best
  }
}

function quantise(query: Float32Array) {
  const most = query.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const unit = most / QUERY_LEVELS
  const values = Int8Array.from(query, value => (most > 0 ? Math.round(value / unit) : 0))
  return { values, unit, zero: ZERO * values.reduce((sum, value) => sum + value, 0) }
}
