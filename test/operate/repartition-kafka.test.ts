import { test } from 'node:test'
import { findBus } from '../../src/log/open.ts'
import { createLogger } from '../../src/operate/context.ts'
import { checkMoves } from './moves.ts'

test('a loop on a real Kafka is moved to more partitions, then to fewer', { timeout: 300_000 }, async t => {
  const bus = await findBus({ kind: 'kafka', logger: createLogger('error') })
  t.diagnostic(bus.place)
  await checkMoves(t, bus.log)
  // hooks run in the order in which they were set: the services have stopped by then
  t.after(() => bus.stop())
})
