/** The contract on a real Kafka; without one this fails and says what is missing. */
import pino from 'pino'
import { findBus } from '../../src/log/open.ts'
import { contract } from './contract.ts'

contract('Kafka', () => findBus({ kind: 'kafka', logger: pino({ level: 'warn' }) }))
