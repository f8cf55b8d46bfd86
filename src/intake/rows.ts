/** Rows of a CSV or JSON-lines file, streamed, each with its number and how far into the file reading is. */
import { createReadStream, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parse } from 'csv-parse'
import { FeedloopError } from '../errors.ts'
import { parseJson } from './json.ts'

export interface Row {
  /** From 0, the header line of a CSV not counted. */
  readonly number: number
  /** Null when the line could not be read; `problem` says why. */
  readonly value: Readonly<Record<string, unknown>> | null
  readonly problem: string
}

export interface RowFile {
  readonly rows: AsyncIterable<Row>
  readonly sizeBytes: number
  /** Bytes taken from the file so far. */
  readBytes(): number
}

/** Opens a file by its ending: `.csv`, `.tsv`, else JSON lines. @throws FeedloopError DATA_MISSING */
export function openRows(file: string): RowFile {
  let sizeBytes: number
  try {
    const found = statSync(file)
    if (!found.isFile()) throw new Error('it is no file')
    sizeBytes = found.size
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
  const stream = createReadStream(file)
  const rows = /\.[ct]sv$/i.test(file) ? csvRows(stream, file) : jsonRows(stream)
  return { rows, sizeBytes, readBytes: () => stream.bytesRead }
}

/** Empty cells are absent: CSV has no other way to say so. */
const withoutEmpty = (row: Cells): Cells => Object.fromEntries(Object.entries(row).filter(([, cell]) => cell !== ''))

type Cells = Record<string, string>
/** `error` where the row has fewer or more cells than the header; the parser fills up or cuts. */
type Parsed = { readonly record: Cells; readonly info: { readonly error?: Error } }

const csvRow = (cells: Cells, error: Error | undefined, number: number): Row => ({
  number,
  value: error ? null : withoutEmpty(cells),
  problem: error?.message ?? '',
})

/** A line without a cell, as at the end of many files. */
const isBlank = (cells: Cells): boolean => Object.values(cells).join('') === '' && Object.keys(cells).length < 2

async function* csvRows(stream: ReturnType<typeof createReadStream>, file: string): AsyncGenerator<Row> {
  const delimiter = /\.tsv$/i.test(file) ? '\t' : ','
  const parser = stream.pipe(parse({ columns: true, bom: true, delimiter, relax_column_count: true, info: true }))
  stream.once('error', error => parser.destroy(error))
  let number = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      if (!isBlank(record)) yield csvRow(record, info.error, number)
      number++
    }
  } catch (cause) {
    throw new FeedloopError('RECORD_UNREADABLE', `${file} after row ${number}: ${(cause as Error).message}`, { cause })
  }
}

async function* jsonRows(stream: ReturnType<typeof createReadStream>): AsyncGenerator<Row> {
  let number = 0
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== '') yield parseLine(line, number)
    number++
  }
}

function parseLine(line: string, number: number): Row {
  try {
    const value = parseJson(line)
    if (value !== null && typeof value === 'object') return { number, value: value as Row['value'], problem: '' }
    return { number, value: null, problem: 'not a JSON object' }
  } catch (error) {
    return { number, value: null, problem: (error as Error).message }
  }
}
