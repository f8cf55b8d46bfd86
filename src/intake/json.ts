/**
 * JSON of others, whose 64-bit ids must not be rounded into one another: an integer beyond 2^53 comes as a bigint with all its
 * digits. As a text it stays what it was; as a number it is refused (convert.ts).
 */

/** The reviver costs six times the parse, and few texts have such a number. */
const longDigits = /\d{16}/
const isInteger = /^-?\d+$/

/** As lib.d.ts does not have it yet: `source` is the text of a plain value. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

const exact: Reviver = (_, value, { source = '' }) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && isInteger.test(source) ? BigInt(source) : value

/** @throws SyntaxError */
export const parseJson = (text: string): unknown =>
  longDigits.test(text) ? JSON.parse(text, exact as (key: string, value: unknown) => unknown) : JSON.parse(text)
