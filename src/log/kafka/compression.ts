/**
 * The compressions of a record batch. Our own batches have none; those of other producers may have any
 * (kafka.apache.org/documentation/#recordbatch, attributes). All decompress off the event loop.
 */
import { promisify } from 'node:util'
import { gunzip, zstdDecompress } from 'node:zlib'
import { decompressFrame } from 'lz4-napi'
import { uncompress } from 'snappy'
import { FeedloopError } from '../../errors.ts'

/** What a batch may come to, far above any broker's bound of a batch. The two that can make more of a few bytes are held to it. */
const maxOutputLength = 64 << 20

const codecs: Readonly<Record<number, (bytes: Buffer) => Promise<Buffer>>> = {
  1: bytes => promisify(gunzip)(bytes, { maxOutputLength }),
  2: unsnappy,
  3: decompressFrame,
  4: bytes => promisify(zstdDecompress)(bytes, { maxOutputLength }),
}

/** @param codec number that the batch's attributes name @param bytes of its records, compressed
 * @throws FeedloopError RECORD_UNREADABLE */
export async function decompress(codec: number, bytes: Buffer, topic: string): Promise<Buffer> {
  try {
    return await codecs[codec](bytes)
  } catch (cause) {
    throw new FeedloopError('RECORD_UNREADABLE', `${topic}: compression codec ${codec}: ${(cause as Error).message}`, {
      cause,
    })
  }
}

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEAD_BYTES = XERIAL.length + 8

/** Java clients write snappy-java's stream: magic 8 | version 4 | compatible 4 | (length 4 | block)*. librdkafka writes one bare
 * block. */
async function unsnappy(bytes: Buffer): Promise<Buffer> {
  if (XERIAL.compare(bytes, 0, XERIAL.length) !== 0) return (await uncompress(bytes)) as Buffer
  const parts: Buffer[] = []
  for (let at = XERIAL_HEAD_BYTES; at < bytes.length; ) {
    const end = at + 4 + bytes.readInt32BE(at)
    parts.push((await uncompress(bytes.subarray(at + 4, end))) as Buffer)
    at = end
  }
  return Buffer.concat(parts)
}
