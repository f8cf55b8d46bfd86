/**
 * The CRC-64-AVRO (Rabin) fingerprint of a schema's Parsing Canonical Form, by which single-object encoding names the
 * writer's schema (Avro 1.12 specification, "Schema Fingerprints" and "Single-object encoding").
 */

const EMPTY = 0xc15d213aa4d7a795n

const table = Array.from({ length: 256 }, (_, byte) => {
  let fp = BigInt(byte)
  for (let bit = 0; bit < 8; bit++) fp = (fp >> 1n) ^ (EMPTY & -(fp & 1n))
  return BigInt.asUintN(64, fp)
})

/** CRC-64-AVRO of UTF-8 text, unsigned. */
export function crc64Avro(text: string): bigint {
  let fp = EMPTY
  for (const byte of Buffer.from(text)) fp = (fp >> 8n) ^ table[Number((fp ^ BigInt(byte)) & 0xffn)]
  return fp
}

/** Fingerprint of an avsc type; its `schema()` without attributes is the Parsing Canonical Form. */
export const fingerprintOf = (type: { schema(): unknown }): bigint => crc64Avro(JSON.stringify(type.schema()))
