import { after } from 'node:test'
import { pino } from 'pino'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { doorContract } from './contract.ts'

const brokers = process.env.KAFKA_BROKERS
if (!brokers) throw new Error('KAFKA_BROKERS is not set: run `npm test`, which starts a Kafka')
const log = await openKafkaLog({ brokers: brokers.split(','), clientId: 'door', logger: pino({ level: 'silent' }) })
after(() => log.close())

doorContract(() => log)
