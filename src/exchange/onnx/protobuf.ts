/**
 * Protocol Buffers, as much of the encoding as an ONNX model takes (protobuf.dev, "Encoding"): a message is its fields one
 * after another, a field a tag (number and wire type) and a value. Writing only; fields of value 0 are written too, which
 * every reader takes.
 */

/** A field of a message, encoded. */
export type Field = Buffer

const VARINT = 0
const DELIMITED = 2

/** Seven bits a byte, lowest first. @param value a whole number of at least 0 */
function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}

const tag = (number: number, type: number): number[] => varint(number * 8 + type)

/** int32, int64 or an enum. @param value a whole number of at least 0 */
export const whole = (number: number, value: number): Field => Buffer.from([...tag(number, VARINT), ...varint(value)])

/** bytes, or a string as UTF-8. */
export function bytes(number: number, value: Buffer | string): Field {
  const content = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([Buffer.from([...tag(number, DELIMITED), ...varint(content.length)]), content])
}

/** A message within a message. */
export const message = (number: number, fields: readonly Field[]): Field => bytes(number, Buffer.concat(fields))
