import { pino } from 'pino'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import { doorContract } from './contract.ts'

const log = await openKafkaLog({
  brokers: process.env.KAFKA_BROKERS!.split(','),
  clientId: 'door',
  logger: pino({ level: 'silent' }),
})
doorContract(() => log)
