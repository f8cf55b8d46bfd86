/**
 * The safetensors format (huggingface/safetensors, its README's "Format"): the header's length as 8 bytes little-endian,
 * a JSON object `{ name: { dtype, shape, data_offsets: [begin, end] }, __metadata__?: { text: text } }`, then the elements,
 * little-endian and row-major. Written as the reference writes: widest element type first, then by name, the header padded
 * with spaces so that elements are aligned.
 *
 * A file is somebody else's: nothing is allocated by what it claims before the claim is held against its size, names are
 * keys of maps and never of objects, and tensors cover the bytes after the header exactly, without overlap or gap.
 */
import type { Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { type JsonObject, parseJsonOnce, shown } from './json.ts'

export interface StoredTensors {
  readonly tensors: readonly Tensor[]
  readonly metadata: ReadonlyMap<string, string>
}

type Dtype = Tensor['dtype']

/** In the reference's order of writing. */
const types: readonly { readonly dtype: Dtype; readonly stored: string; readonly bytes: number }[] = [
  { dtype: 'float64', stored: 'F64', bytes: 8 },
  { dtype: 'float32', stored: 'F32', bytes: 4 },
  { dtype: 'int32', stored: 'I32', bytes: 4 },
]
const METADATA = '__metadata__'
const LENGTH_BYTES = 8
const ALIGNMENT = 8
/** As the reference bounds it. */
const MAX_HEADER_BYTES = 100_000_000

/** @throws FeedloopError SAFETENSORS_INVALID for two tensors of one name, or one named `__metadata__` */
export function encodeSafetensors(tensors: readonly Tensor[], metadata: Readonly<Record<string, string>> = {}): Buffer {
  const rank = ({ dtype }: Tensor): number => types.findIndex(type => type.dtype === dtype)
  const ordered = [...tensors].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
  const header = new Map<string, unknown>()
  if (Object.keys(metadata).length > 0) header.set(METADATA, metadata)
  let end = 0
  for (const tensor of ordered) {
    if (header.has(tensor.name) || tensor.name === METADATA) fail(`two tensors are named ${shown(tensor.name)}`)
    const begin = end
    end += tensor.data.length
    header.set(tensor.name, { dtype: types[rank(tensor)].stored, shape: tensor.shape, data_offsets: [begin, end] })
  }
  const text = `{${Array.from(header, ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`
  const bytes = Buffer.from(text)
  const padded = Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeBigUInt64LE(BigInt(padded))
  return Buffer.concat([length, bytes, Buffer.alloc(padded - bytes.length, ' '), ...ordered.map(({ data }) => data)])
}

/** Tensors in the order of their bytes, whose memory they share. @throws FeedloopError SAFETENSORS_INVALID */
export function decodeSafetensors(file: Buffer): StoredTensors {
  const { header, data } = parts(file)
  const tensors: { readonly tensor: Tensor; readonly begin: number; readonly end: number }[] = []
  for (const [name, entry] of header) if (name !== METADATA) tensors.push(tensorOf(name, entry, data))
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let covered = 0
  for (const { tensor, begin, end } of tensors) {
    if (begin !== covered)
      fail(`tensor ${shown(tensor.name)} begins at ${begin}, where ${covered} is due: a gap or an overlap`)
    covered = end
  }
  if (covered !== data.length) fail(`the tensors take ${covered} bytes, after the header are ${data.length}`)
  return { tensors: tensors.map(({ tensor }) => tensor), metadata: metadataOf(header.get(METADATA)) }
}

function parts(file: Buffer): { header: JsonObject; data: Buffer } {
  if (file.length < LENGTH_BYTES) fail(`${file.length} bytes are no file`)
  const claimed = file.readBigUInt64LE()
  if (claimed > MAX_HEADER_BYTES)
    fail(`a header of ${claimed} bytes, at most ${MAX_HEADER_BYTES} are read: not a safetensors file?`)
  const end = LENGTH_BYTES + Number(claimed)
  if (end > file.length) fail(`a header of ${claimed} bytes in a file of ${file.length}`)
  const header = parseJsonOnce(textOf(file.subarray(LENGTH_BYTES, end)), fail)
  return { header, data: file.subarray(end) }
}

function textOf(bytes: Buffer): string {
  // the reference refuses white space before the object, which could hide another format
  if (bytes[0] !== '{'.charCodeAt(0)) fail('the header does not begin with {')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return fail('the header is not UTF-8')
  }
}

function tensorOf(name: string, entry: unknown, data: Buffer) {
  const what = `tensor ${shown(name)}`
  if (!(entry instanceof Map)) fail(`${what} is not described by an object`)
  const unknown = [...entry.keys()].find(key => !['dtype', 'shape', 'data_offsets'].includes(key))
  if (unknown !== undefined) fail(`${what}: ${shown(unknown)} is no field of the format`)
  const type = types.find(({ stored }) => stored === entry.get('dtype'))
  if (!type)
    fail(`${what} is of ${shown(String(entry.get('dtype')))}: ${types.map(({ stored }) => stored).join(', ')} are read`)
  const shape = sizesOf(entry.get('shape'), `${what}: shape`)
  const [begin, end, ...more] = sizesOf(entry.get('data_offsets'), `${what}: data_offsets`)
  if (end === undefined || more.length > 0 || begin > end || end > data.length)
    fail(`${what}: data_offsets ${begin}, ${end} are no range of ${data.length} bytes`)
  const bytes = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, type.bytes)
  if (bytes !== end - begin) fail(`${what}: ${end - begin} bytes for ${shape.join('x')} of ${type.stored}`)
  const tensor: Tensor = { name, shape, dtype: type.dtype, data: data.subarray(begin, end), chunks: [] }
  return { tensor, begin, end }
}

function sizesOf(value: unknown, what: string): number[] {
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0 && !Object.is(size, -0)
  if (!Array.isArray(value) || !value.every(isSize)) fail(`${what} is no list of sizes`)
  return value
}

function metadataOf(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined) return new Map()
  if (!(value instanceof Map)) fail('__metadata__ is no object')
  for (const [name, text] of value) if (typeof text !== 'string') fail(`__metadata__: ${shown(name)} is no text`)
  return value
}

function fail(detail: string): never {
  throw new FeedloopError('SAFETENSORS_INVALID', detail)
}
