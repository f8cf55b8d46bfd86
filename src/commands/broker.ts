import type { Command } from 'commander'
import { brokerStart, brokerStatus, brokerStop } from '../log/kafka/broker/detached.ts'
import { printJson } from './shared.ts'

export function addBroker(program: Command): void {
  const broker = program.command('broker').description('a real Apache Kafka on this machine, for trying things out')
  broker
    .command('start')
    .description('start one (in Docker, else with Java 17 and Maven) and leave it running')
    .action(async () => {
      const started = await brokerStart()
      printJson(started)
      process.stderr.write(`export KAFKA_BROKERS=${started.brokers?.join(',')}\n`)
    })
  broker
    .command('status')
    .description('is one running?')
    .action(async () => printJson(await brokerStatus()))
  broker
    .command('stop')
    .description('stop it and remove its data')
    .action(async () => printJson(await brokerStop()))
}
