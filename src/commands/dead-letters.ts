import type { Command } from 'commander'
import { type Filter, findDeadLetter, listDeadLetters, redrive } from '../events/redrive.ts'
import type { DeadLetter } from '../log/deadletters.ts'
import type { ServiceContext } from '../operate/context.ts'
import { onBus, printJson, withConfig } from './shared.ts'

interface FilterOptions {
  readonly config?: string
  readonly code?: string
  readonly topic?: string
  readonly stage?: string
}

const withFilter = (command: Command): Command =>
  withConfig(command)
    .option('--code <code>', 'only those refused with this code (docs/errors.md)')
    .option('--topic <topic>', 'only those from this topic')
    .option('--stage <stage>', 'only those refused by this stage')

const morgueOf = ({ log, config }: ServiceContext) => ({ log, prefix: config.topics.prefix })
const filterOf = ({ code, topic, stage }: FilterOptions): Filter => ({ code, topic, stage })

export function addDeadLetters(program: Command): void {
  const letters = program.command('dead-letters').description('records that were refused: list, show, put back')
  withFilter(letters.command('list').description('one a line: id, time, stage, code, message')).action(
    (options: FilterOptions) =>
      onBus(options, async context => {
        for await (const letter of listDeadLetters(morgueOf(context), filterOf(options)))
          process.stdout.write(`${lineOf(letter)}\n`)
      }),
  )
  withConfig(letters.command('show <id>').description('all of one')).action((id: string, options: FilterOptions) =>
    onBus(options, async context => printJson(readable(await findDeadLetter(morgueOf(context), id)))),
  )
  withFilter(letters.command('redrive [id]').description('put one, or all that fit, back where they came from')).action(
    (id: string | undefined, options: FilterOptions) =>
      onBus(options, async context => {
        const morgue = morgueOf(context)
        const chosen =
          id === undefined ? listDeadLetters(morgue, filterOf(options)) : [await findDeadLetter(morgue, id)]
        for await (const letter of chosen) {
          const { result, offset } = await redrive(morgue, letter)
          process.stdout.write(`${letter.id}  ${result}  at offset ${offset}\n`)
        }
      }),
  )
}

const lineOf = ({ id, timestampMs, stage, code, message }: DeadLetter): string =>
  [id, new Date(timestampMs).toISOString(), stage, code, message].join('  ')

/** Bytes as text where they are text, else as base64. */
function readable(letter: DeadLetter): unknown {
  return JSON.parse(JSON.stringify(letter, (_key, value) => (isBytes(value) ? textOf(Buffer.from(value.data)) : value)))
}

const isBytes = (value: unknown): value is { type: 'Buffer'; data: number[] } =>
  typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer'

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : `base64:${bytes.toString('base64')}`
}
