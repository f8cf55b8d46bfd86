import type { Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { audit } from '../evaluation/audit.ts'
import { onBus, printJson, withConfig } from './shared.ts'

export function addAudit(program: Command): void {
  withConfig(
    program
      .command('audit')
      .description('recompute the balance of decisions and outcomes from the topics; exit 1 on any difference')
      .option('--json', 'print one JSON object'),
  ).action(options =>
    onBus(options, async context => {
      const report = await audit({ ...context, prefix: context.config.topics.prefix })
      printJson(report)
      if (!report.balanced) throw new FeedloopError('BALANCE_BROKEN', `${report.found} differences, listed above`)
    }),
  )
}
