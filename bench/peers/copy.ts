/**
 * The floor: every record of the inputs is copied to the output with kafkajs as it is meant to be used (eachBatch, one send
 * a batch, acks=all, offsets committed once acknowledged), with the two repairs that feedloop's own use of it has.
 *
 *   copy.ts BROKERS INPUT,INPUT OUTPUT GROUP
 */
import { kafkajs } from '../../src/log/kafka/kafkajs.ts'

const [brokers, inputs, output, groupId] = process.argv.slice(2)
const kafka = new kafkajs.Kafka({ clientId: 'copy', brokers: brokers.split(','), logLevel: kafkajs.logLevel.ERROR })
const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 })
const producer = kafka.producer({ allowAutoTopicCreation: false })
await Promise.all([consumer.connect(), producer.connect()])
consumer.on(consumer.events.CRASH, ({ payload }) => {
  process.stderr.write(`${payload.error.stack}\n`)
  process.exit(1)
})
await consumer.subscribe({ topics: inputs.split(','), fromBeginning: true })
await consumer.run({
  autoCommit: false,
  partitionsConsumedConcurrently: 4,
  async eachBatch({ batch, heartbeat }) {
    const { topic, partition, messages } = batch
    await producer.send({ topic: output, messages: messages.map(({ key, value }) => ({ partition, key, value })) })
    const offset = String(Number(batch.lastOffset()) + 1)
    await consumer.commitOffsets([{ topic, partition, offset }])
    await heartbeat()
  },
})
process.once('SIGTERM', async () => {
  await consumer.disconnect()
  await producer.disconnect()
})
