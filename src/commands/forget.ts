import type { Command } from 'commander'
import { forgetUser } from '../operate/forget.ts'
import { atLeast, onBus, printJson, withConfig } from './shared.ts'

export function addForget(program: Command): void {
  withConfig(
    program
      .command('forget <user>')
      .description('remove a user from state and compacted topics while the services run (docs/data-protection.md)')
      .option('--timeout <seconds>', 'how long ranker and joiner may take', atLeast(1, 'any'), 120),
  ).action((user: string, options: { config?: string; timeout: number }) =>
    onBus(options, async context => printJson(await forgetUser(context, user, 1000 * options.timeout))),
  )
}
