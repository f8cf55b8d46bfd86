/** Commits 200 entries a step until the disk refuses; says the code. Run under a limit of the file size. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FeedloopError } from '../../src/errors.ts'
import { jsonCodec } from '../../src/state/codec.ts'
import { openDisk } from '../../src/state/disk.ts'
import { pointAt } from './point.ts'

const disk = await openDisk<{ one: string }>({
  folder: process.argv[2],
  version: '1',
  codecs: { one: jsonCodec() },
  cacheBytes: 1000,
  flushBytes: 1,
  now: Date.now,
  dropped: () => {},
})
try {
  for (let step = 1; step < 1000; step++) {
    for (let i = 0; i < 200; i++) disk.tables.one.set(`${step}/${i}`, 'x'.repeat(500))
    disk.commit(pointAt(step))
    await disk.room()
    await sleep(1)
  }
} catch (error) {
  process.stdout.write((error as FeedloopError).code)
}
await disk.close()
