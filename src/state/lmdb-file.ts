/**
 * Looks at an lmdb file before lmdb does: the binding dies of a file whose head is not lmdb's, and lmdb maps the file and
 * dies of one that ends before its pages do. What is looked at is the head of the two meta pages (liblmdb, MDB_page and
 * MDB_meta). Pages have no checksum: damage further in shows when they are read, or as a death that is counted (disk.ts).
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'

const MAGIC = 0xbeefc0de
const META_FLAG = 0x08
/** Offsets in a meta page. */
const at = { flags: 0x12, magic: 0x18, pageSize: 0x30, lastPage: 0x90 } as const
const HEAD_BYTES = 0x98

/** What is wrong with the file; null: nothing, or it is not there. */
export function damageOf(path: string): string | null {
  if (!existsSync(path)) return null
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const head = (page: number, pageSize: number): Buffer => {
      const bytes = Buffer.alloc(HEAD_BYTES)
      readSync(file, bytes, 0, HEAD_BYTES, page * pageSize)
      return bytes
    }
    const first = head(0, 0)
    const pageSize = first.readUInt32LE(at.pageSize)
    const metas = [first, head(1, pageSize)]
    if (!metas.every(isMeta)) return `not an lmdb file, of ${size} bytes`
    const pages = 1 + Math.max(...metas.map(meta => Number(meta.readBigUInt64LE(at.lastPage))))
    return size >= pages * pageSize ? null : `${size} of ${pages * pageSize} bytes`
  } finally {
    closeSync(file)
  }
}

const isMeta = (page: Buffer): boolean =>
  page.readUInt32LE(at.magic) === MAGIC && (page.readUInt16LE(at.flags) & META_FLAG) !== 0
