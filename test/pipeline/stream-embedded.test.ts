import { test } from 'node:test'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { checkStream } from './stream.ts'

test(
  'a stream with duplicates, out of order and late is learned like the calm one: on the embedded log',
  {
    timeout: 180_000,
  },
  t => checkStream(t, async () => openEmbeddedLog()),
)
