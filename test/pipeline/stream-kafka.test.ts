import { test } from 'node:test'
import { pino } from 'pino'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { checkStream } from './stream.ts'

test('a stream with duplicates, out of order and late is learned like the calm one: on a real Kafka', {
  timeout: 300_000,
}, async t => {
  const brokers = process.env.KAFKA_BROKERS?.split(',')
  if (!brokers) throw new Error('KAFKA_BROKERS is not set: run `npm test`, which starts a Kafka')
  const log = await openKafkaLog({ brokers, clientId: 'stream', logger: pino({ level: 'silent' }) })
  t.after(() => log.close())
  await checkStream(t, async () => log)
})
