import type { Command } from 'commander'
import { stringify } from 'yaml'
import { withoutPassword } from '../secrets.ts'
import { configOf, withConfig } from './shared.ts'

export function addConfig(program: Command): void {
  const config = program.command('config').description('check or print the configuration')
  withConfig(
    config
      .command('check')
      .description('read and check it; every problem is listed (of what goes together, once each value is right)'),
  ).action(options => {
    configOf(options, { openSchemas: true })
    process.stdout.write('the configuration is valid\n')
  })
  withConfig(config.command('print').description('print it whole, defaults included')).action(options => {
    process.stdout.write(withoutPassword(stringify(configOf(options))))
  })
}
