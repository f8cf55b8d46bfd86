/**
 * How rows of quantised vectors lie in a WebAssembly memory that threads share. A page of scratch for each thread (query,
 * int8, then the hits of a block), then groups of four rows: their uint7 elements, sixteen columns of each row in turn, four
 * scales and four biases, float32. A row of which the bias is -∞ is never found.
 */
export const PAGE = 65_536
/** 4 GiB, which is reserved and not taken. */
export const MAX_PAGES = 65_536
/** Rows that are scanned at a time. */
export const GROUP = 4
/** Columns that one instruction takes. */
export const COLUMNS = 16
export const BLOCK = 4096
/** Four scores, the address of their group, and what brings the next to a multiple of 32. */
export const HIT_BYTES = 32
const BLOCK_HITS = (BLOCK / GROUP) * HIT_BYTES
/** Who scans: each has scratch of its own. 0 is the thread of the step, those of ScanThread come after it. */
export const SCANNERS = 5

export const columnsOf = (dimensions: number): number => COLUMNS * Math.ceil(dimensions / COLUMNS)
export const groupBytes = (columns: number): number => GROUP * (columns + 8)
export const groupAt = (group: number, columns: number): number => SCANNERS * PAGE + group * groupBytes(columns)
export const queryAt = (scanner: number): number => scanner * PAGE
export const hitsAt = (scanner: number): number => (scanner + 1) * PAGE - BLOCK_HITS
/** Of a query that fits before the hits. */
export const MAX_DIMENSIONS = PAGE - BLOCK_HITS
