/**
 * Classification as a bandit (Bietti et al., arXiv 1802.04064): each row of a labelled file is one person asked once; the
 * actions are the classes, the reward is 1 if the action is the row's own class, and nothing else is learned of it. The
 * rows come once, in a random order of the seed. What is told of a row are its columns as they are: numbers as numbers,
 * words as flags, one a value; scaling is the learner's affair.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { FeedloopError } from '../errors.ts'
import { createRandom, seedOf } from '../state/random.ts'
import type { Environment, Observation } from './environment.ts'
import { parseTable, type Table } from './table-file.ts'

export interface Rows {
  readonly name: string
  /** Names of the columns of `features`. */
  readonly columns: readonly string[]
  /** One row an example. */
  readonly features: readonly Float64Array[]
  readonly classes: readonly string[]
  /** Index among the classes of each row. */
  readonly labels: readonly number[]
}

/** A column with more words than this tells rows apart, not classes: it is left out. */
const MAX_WORDS = 64

/** @param file .arff, or .csv with a header; the class is the column named `class` or `label`, else the last one
 * @throws FeedloopError DATA_MISSING */
export function readRows(file: string): Rows {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `cannot read ${file}`, { cause })
  }
  const table = parseTable(text, file)
  const label = labelColumn(table)
  const labelled = table.rows.filter(row => row[label] !== null)
  const classes = [...new Set(labelled.map(row => row[label]!))].sort()
  if (labelled.length === 0 || classes.length < 2)
    throw new FeedloopError('DATA_MISSING', `${file}: no rows of at least two classes`)
  const places = new Map(classes.map((name, k) => [name, k]))
  const { columns, features } = encodeColumns({ ...table, rows: labelled }, label)
  return { name: basename(file), columns, features, classes, labels: labelled.map(row => places.get(row[label]!)!) }
}

function labelColumn({ columns }: Table): number {
  const named = columns.findIndex(({ name }) => /^(class|label)$/i.test(name))
  return named >= 0 ? named : columns.length - 1
}

function encodeColumns(table: Table, label: number): Pick<Rows, 'columns' | 'features'> {
  const encoders = table.columns.flatMap((_, at) => (at === label ? [] : columnEncoders(table, at)))
  const features = table.rows.map(row => Float64Array.from(encoders, ({ at, read }) => read(row[at])))
  return { columns: encoders.map(({ name }) => name), features }
}

interface ColumnEncoder {
  readonly name: string
  readonly at: number
  read(cell: string | null): number
}

/** A number, or a flag for each of its words; and a flag for cells that are empty, where some are. */
function columnEncoders({ columns, rows }: Table, at: number): ColumnEncoder[] {
  const { name, words } = columns[at]
  const cells = new Set(rows.map(row => row[at]))
  const flag = (value: string | null): ColumnEncoder => ({
    name: `${name}=${value ?? '?'}`,
    at,
    read: cell => (cell === value ? 1 : 0),
  })
  const empty = cells.delete(null) ? [flag(null)] : []
  if (!words) return [{ name, at, read: cell => (cell === null ? 0 : Number(cell)) }, ...empty]
  if (cells.size > MAX_WORDS) return []
  return [...([...cells] as string[]).sort().map(flag), ...empty]
}

export function createClassification(rows: Rows): Environment {
  const { classes, labels, columns, features } = rows
  const orders = new Map<number, Uint32Array>()
  const orderOf = (seed: number): Uint32Array => {
    if (!orders.has(seed)) orders.set(seed, permutation(labels.length, seed))
    return orders.get(seed)!
  }
  const observation = (row: number, done: boolean): Observation => ({
    organic: [],
    candidates: null,
    context: Object.fromEntries(columns.map((name, j) => [name, features[row][j]])),
    slots: 1,
    done,
  })
  return {
    name: `classification ${rows.name}`,
    preset: { state: { blocks: ['numbers'], numbers: [...columns] }, policies: [{ rewards: { right: {} } }] },
    sessions: labels.length,
    items: () => classes.map(name => ({ item_id: name, text: null, attributes: {}, available: true, time_ms: 0 })),
    rates: () => ({
      random: 1 / classes.length,
      bestFixed: largestShare(rows),
      oracle: 1,
      how: 'shares of the classes in the file',
    }),
    session(index, seed) {
      const row = orderOf(seed)[index]
      const id = `c${seed}-${index}`
      return {
        userId: id,
        sessionId: id,
        reset: () => observation(row, false),
        step([shown]) {
          const right = shown === classes[labels[row]]
          const act = { type: 'right', itemId: shown, value: null, delayMs: 0 }
          return { outcomes: right ? [act] : [], expectedReward: right ? 1 : 0, next: { ...observation(row, true) } }
        },
      }
    },
  }
}

function largestShare({ classes, labels }: Rows): number {
  const counts = new Float64Array(classes.length)
  for (const label of labels) counts[label]++
  return Math.max(...counts) / labels.length
}

/** Fisher and Yates, by the seed. */
function permutation(length: number, seed: number): Uint32Array {
  const random = createRandom(seedOf(`shuffle/${seed}`))
  const order = Uint32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1))
    const other = order[i]
    order[i] = order[j]
    order[j] = other
  }
  return order
}
