/**
 * Tables of labelled rows: ARFF (Weka's attribute-relation format, dense or sparse) and CSV with a header. A cell is the
 * text as it stands, or null where it is missing (`?` or empty); a column is of numbers or of words.
 */
import { extname } from 'node:path'
import { parse } from 'csv-parse/sync'
import { FeedloopError } from '../errors.ts'

export interface Column {
  readonly name: string
  /** Its values are names, not numbers. */
  readonly words: boolean
}

export interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** @throws FeedloopError DATA_MISSING naming the file and what is wrong with it */
export function parseTable(text: string, file: string): Table {
  const table = extname(file).toLowerCase() === '.arff' ? parseArff(text, file) : parseCsv(text, file)
  const bad = table.rows.findIndex(row => row.length !== table.columns.length)
  if (bad >= 0)
    throw new FeedloopError(
      'DATA_MISSING',
      `${file}: row ${bad + 1} has ${table.rows[bad].length} cells for ${table.columns.length} columns`,
    )
  for (const [at, { name, words }] of table.columns.entries()) {
    const wrong = words ? undefined : table.rows.find(row => row[at] !== null && !Number.isFinite(Number(row[at])))
    if (wrong) throw new FeedloopError('DATA_MISSING', `${file}: "${wrong[at]}" is no number for column ${name}`)
  }
  return table
}

const attribute = /^@attribute\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)\s+(.*)$/i

function parseArff(text: string, file: string): Table {
  const lines = text.split(/\r?\n/).map(line => line.trim())
  const content = lines.filter(line => line !== '' && !line.startsWith('%'))
  const start = content.findIndex(line => /^@data\b/i.test(line))
  if (start < 0) throw new FeedloopError('DATA_MISSING', `${file}: no @data`)
  const columns = content.slice(0, start).flatMap(line => {
    const match = attribute.exec(line)
    return match ? [{ name: unquoted(match[1]), type: match[2] }] : []
  })
  const rows = content.slice(start + 1).map(line => (line.startsWith('{') ? sparse(line, columns) : cells(line)))
  return { columns: columns.map(({ name, type }) => ({ name, words: !/^(numeric|real|integer)\b/i.test(type) })), rows }
}

const unquoted = (text: string): string => text.replace(/^(['"])(.*)\1$/, '$2').replace(/\\(.)/g, '$1')

const cells = (line: string): (string | null)[] =>
  (line.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,]+|(?<=,)(?=,|$)/g) ?? []).map(cell => toCell(cell.trim()))

const toCell = (text: string): string | null => (text === '?' || text === '' ? null : unquoted(text))

/** `{3 1.5, 7 x}`: cells that are not named are 0, or the first of a column's words. */
function sparse(line: string, columns: readonly { readonly type: string }[]): (string | null)[] {
  const row: (string | null)[] = columns.map(({ type }) =>
    type.startsWith('{') ? (cells(type.slice(1, type.indexOf('}')))[0] ?? '0') : '0',
  )
  for (const pair of line.slice(1, -1).split(',')) {
    const [, at, value] = /^(\d+)\s+(.*)$/.exec(pair.trim()) ?? []
    if (at !== undefined) row[Number(at)] = toCell(value.trim())
  }
  return row
}

function parseCsv(text: string, file: string): Table {
  let records: string[][]
  try {
    records = parse(text, { skip_empty_lines: true, trim: true })
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `${file}: ${(cause as Error).message}`, { cause })
  }
  const [header = [], ...body] = records
  const rows = body.map(record => record.map(toCell))
  const columns = header.map((name, at) => ({
    name,
    words: rows.some(row => row[at] !== null && !Number.isFinite(Number(row[at]))),
  }))
  return { columns, rows }
}
