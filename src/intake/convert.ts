/**
 * Conversions of mapped values. Strict: what does not fit is an error with the value in it, never a NaN, a truncated
 * number or a guess. Texts are accepted for numbers and flags because CSV has nothing else.
 */

export const conversions = [
  'string',
  'number',
  'boolean',
  'timestamp-ms',
  'timestamp-s',
  'iso8601',
  'list',
  'map',
] as const
export type Conversion = (typeof conversions)[number]

const plainly = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
const shown = (value: unknown): string => (JSON.stringify(value, plainly) ?? String(value)).slice(0, 100)

function fail(value: unknown, wanted: string): never {
  throw new Error(`${shown(value)} is not ${wanted}`)
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value
  return ['number', 'boolean', 'bigint'].includes(typeof value) ? String(value) : fail(value, 'a text')
}

const integer = /^\s*[+-]?\d+\s*$/
/** Whether a double would be another number: integers are often ids, and ids must not merge. */
const wouldRound = (value: unknown): boolean =>
  typeof value === 'bigint' ||
  (typeof value === 'string' && integer.test(value) && !Number.isSafeInteger(Number(value)))

function toNumber(value: unknown): number {
  if (wouldRound(value)) return fail(value, 'a number below 2^53, beyond which digits are lost')
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return Number.isFinite(number) ? (number as number) : fail(value, 'a finite number')
}

const flags = new Map<unknown, boolean>([
  ...[true, 1, '1', 'true', 'True', 'TRUE', 'yes'].map(value => [value, true] as const),
  ...[false, 0, '0', 'false', 'False', 'FALSE', 'no'].map(value => [value, false] as const),
])
const toFlag = (value: unknown): boolean => flags.get(value) ?? fail(value, 'true or false')

const isoPattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?\s?(Z|[+-]\d\d:?\d\d)?)?$/

/** ISO 8601 date or date-time, `T` or a space between, to the millisecond; UTC where it names no zone. */
function isoToMs(value: unknown): number {
  const found = typeof value === 'string' ? isoPattern.exec(value.trim()) : null
  if (!found) return fail(value, 'an ISO 8601 time')
  const [, day, minutes = '00:00', seconds = ':00', fraction = '.0', zone = 'Z'] = found
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone
  const ms = Date.parse(`${day}T${minutes}${seconds}${fraction.slice(0, 4).padEnd(4, '0')}${offset}`)
  return Number.isNaN(ms) ? fail(value, 'an ISO 8601 time') : ms
}

const toMs = (value: unknown): number => Math.floor(toNumber(value))

/** A list of texts: a list's elements, a text cut at `separator`, or one value alone. */
function toList(value: unknown, separator: string | undefined): string[] {
  if (Array.isArray(value)) return value.map(toText)
  const text = toText(value)
  return separator === undefined ? [text] : text.split(separator).filter(part => part !== '')
}

const isPlain = (value: unknown) => ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)

/** A map of plain values: an object as it is (nulls left out), a list or separated text as flags that are true. */
function toMap(value: unknown, separator: string | undefined): Record<string, unknown> {
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
  const entries = isObject ? Object.entries(value) : toList(value, separator).map(name => [name, true] as const)
  const map: Record<string, unknown> = {}
  for (const [name, entry] of entries) {
    if (name === '__proto__') throw new Error('a map key may not be __proto__')
    if (entry === null) continue
    map[name] = isPlain(entry) ? entry : fail(entry, `a number, text or flag (at ${name})`)
  }
  return map
}

/** @throws Error saying what does not fit */
export function convert(value: unknown, to: Conversion, separator?: string): unknown {
  switch (to) {
    case 'string':
      return toText(value)
    case 'number':
      return toNumber(value)
    case 'boolean':
      return toFlag(value)
    case 'timestamp-ms':
      return toMs(value)
    case 'timestamp-s':
      return Math.floor(toNumber(value) * 1000)
    case 'iso8601':
      return isoToMs(value)
    case 'list':
      return toList(value, separator)
    case 'map':
      return toMap(value, separator)
  }
}
