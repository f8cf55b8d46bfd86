import type { Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { exportTransitions } from '../exchange/transitions/export.ts'
import { onBus, withConfig } from './shared.ts'

interface ExportFlags {
  readonly config?: string
  readonly policy?: string
  readonly out: string
}

export function addTransitions(program: Command): void {
  const transitions = program.command('transitions').description('transitions for other programs (docs/exchange.md)')
  withConfig(
    transitions
      .command('export')
      .description('write the transitions of a policy, each with its cumulative reward, as Parquet')
      .option('--policy <name>', 'whose; the first one of the configuration without')
      .requiredOption('--out <file>', 'NAME.parquet'),
  ).action(runExport)
}

async function runExport({ policy, out, ...options }: ExportFlags): Promise<void> {
  if (!out.endsWith('.parquet')) throw new FeedloopError('USAGE', `--out ${out} does not end in .parquet`)
  await onBus(options, async context => {
    const { rows, revisions, featureMissing } = await exportTransitions(context, policy, out)
    const missing =
      featureMissing > 0 ? `; ${featureMissing} left out, whose vectors are not in the log (any more)` : ''
    process.stdout.write(`${rows} transitions of ${revisions} revisions in ${out}${missing}\n`)
  })
}
