import cliProgress from 'cli-progress'
import type { Command } from 'commander'
import { type ReplaySummary, replay } from '../intake/replay.ts'
import { onBus, withConfig } from './shared.ts'

interface ReplayCommandOptions {
  readonly config?: string
  readonly data: string
  readonly mapping: string
  readonly speed?: string
  readonly state?: string
}

const SCALE = 1000

export function addReplay(program: Command): void {
  withConfig(
    program
      .command('replay')
      .description(
        'stream a CSV or JSON-lines file into the bus through a mapping; a second run goes on where one ended',
      )
      .requiredOption('--data <file>', 'rows: .csv, .tsv or JSON lines')
      .requiredOption('--mapping <file>', 'what each row becomes (YAML; see examples/replay)')
      .option('--speed <n>', "times real time, by the rows' own times; absent: as fast as the bus takes them")
      .option('--state <file>', 'where progress is kept (default: DATA.replay-MAPPING.json in the current folder)'),
  ).action(runReplay)
}

async function runReplay(options: ReplayCommandOptions): Promise<void> {
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  process.once('SIGTERM', () => abort.abort())
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage} %  {rows} rows, {records} records, {refused} refused',
    stream: process.stderr,
    noTTYOutput: true,
    notTTYSchedule: 5000,
  })
  try {
    const summary = await onBus(options, ({ log, wire, config, now }) =>
      replay({
        log,
        wire,
        now,
        prefix: config.topics.prefix,
        limits: config.limits,
        data: options.data,
        mapping: options.mapping,
        speed: options.speed === undefined ? undefined : Number(options.speed),
        stateFile: options.state,
        signal: abort.signal,
        progress({ part, rows, records, refused }) {
          // not before what may be wrong with the configuration, the mapping or the bus
          if (!bar.isActive) bar.start(SCALE, 0, { rows, records, refused })
          bar.update(Math.floor(part * SCALE), { rows, records, refused })
        },
      }),
    )
    bar.stop()
    process.stdout.write(describe(summary))
    process.exitCode = exitCodeOf(summary)
  } finally {
    bar.stop()
  }
}

/** 1 when there is more to do, and when not one row could be used: a script must not go on as if there were data. */
export const exitCodeOf = ({ finished, records, refused }: ReplaySummary): 0 | 1 =>
  finished && (records > 0 || refused === 0) ? 0 : 1

function describe({ rows, records, refused, resumedAt, sentBefore, refusals, finished }: ReplaySummary): string {
  const resumed = resumedAt > 0 ? `: ${records - sentBefore} sent, ${sentBefore} already sent` : ''
  const lines = [`${rows} rows, ${records} records, ${refused} refused${resumed}${finished ? '' : '; not finished'}`]
  return `${[...lines, ...refusals.map(refusal => `  ${refusal}`)].join('\n')}\n`
}
