import { type Command, InvalidArgumentError, Option } from 'commander'
import { type ErrorCode, errorTable, FeedloopError } from '../errors.ts'
import { type Filter, findDeadLetter, listDeadLetters, type RedriveResult, redriveAll } from '../events/redrive.ts'
import type { DeadLetter } from '../log/deadletters.ts'
import type { ServiceContext } from '../operate/context.ts'
import { pipeline } from '../pipeline.ts'
import { onBus, oneLine, printJson, withConfig } from './shared.ts'

interface FilterOptions {
  readonly config?: string
  readonly code?: string
  readonly topic?: string
  readonly stage?: string
  readonly since?: number
  readonly until?: number
}

interface RedriveFlags extends FilterOptions {
  readonly again?: boolean
}

const stages = pipeline.map(({ stage }) => stage)

const withFilter = (command: Command): Command =>
  withConfig(command)
    .option('--code <code>', 'only those refused with this code (docs/errors.md)', codeOf)
    .option('--topic <topic>', 'only those from this topic')
    .addOption(new Option('--stage <stage>', 'only those refused by this stage').choices(stages))
    .option('--since <time>', 'only records of this time or later (ISO 8601)', timeOf)
    .option('--until <time>', 'only records from before this time', timeOf)

function codeOf(text: string): ErrorCode {
  if (Object.hasOwn(errorTable, text) && errorTable[text as ErrorCode].scope === 'record') return text as ErrorCode
  throw new InvalidArgumentError('No record is refused with such a code.')
}

function timeOf(text: string): number {
  const timeMs = Date.parse(text)
  if (Number.isNaN(timeMs)) throw new InvalidArgumentError('It is not a time, such as 2026-01-31T12:00:00Z.')
  return timeMs
}

const morgueOf = ({ log, config }: ServiceContext) => ({ log, prefix: config.topics.prefix })
const filterOf = ({ code, topic, stage, since, until }: FilterOptions): Filter => ({
  code,
  topic,
  stage,
  sinceMs: since,
  untilMs: until,
})

const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** One a line. @returns how many there were */
export async function list(letters: AsyncIterable<DeadLetter>, say: (line: string) => void): Promise<number> {
  let found = 0
  for await (const letter of letters) {
    say(lineOf(letter))
    found++
  }
  return found
}

export function addDeadLetters(program: Command): void {
  const letters = program.command('dead-letters').description('records that were refused: list, show, put back')
  withFilter(letters.command('list').description('one a line: id, time, stage, code, message')).action(
    (options: FilterOptions) =>
      onBus(options, async context => {
        const found = await list(listDeadLetters(morgueOf(context), filterOf(options)), print)
        // Not on stdout, where a script counts lines.
        if (found === 0) process.stderr.write('no dead letter fits\n')
      }),
  )
  withConfig(letters.command('show <id>').description('all of one')).action((id: string, options: FilterOptions) =>
    onBus(options, async context => printJson(readable(await findDeadLetter(morgueOf(context), id)))),
  )
  withFilter(
    letters
      .command('redrive [id]')
      .description(
        'put one, or all that fit, back where they came from; of all, those stay that came back for the same reason',
      )
      .option('--again', 'put those back too that came back with the same code'),
  ).action((id: string | undefined, { again, ...options }: RedriveFlags) =>
    onBus(options, async context => {
      const morgue = morgueOf(context)
      const chosen = id === undefined ? listDeadLetters(morgue, filterOf(options)) : [await findDeadLetter(morgue, id)]
      await report(redriveAll(morgue, chosen, { again }), print)
    }),
  )
}

/** A line each, and how many were left out. @throws FeedloopError LETTERS_LEFT at the end when there was one that could not be put back */
export async function report(results: AsyncIterable<RedriveResult>, say: (line: string) => void): Promise<void> {
  let left = 0
  // two stages may have refused one record: two letters of one id
  const back = new Set<string>()
  for await (const each of results) {
    if (each.result === 'left') left++
    if (each.result === 'came back') back.add(each.id)
    say(`${each.id}  ${each.result}  ${detailOf(each)}`)
  }
  if (back.size > 0)
    say(
      `${back.size} left out: put back before, refused again with the same code. ` +
        'When the cause is gone, redrive one by its id, or all with --again.',
    )
  if (left > 0) throw new FeedloopError('LETTERS_LEFT', `${left}, listed above`)
}

function detailOf(each: RedriveResult): string {
  if (each.result === 'left') return oneLine(each.reason.message)
  return each.result === 'came back' ? `of ${each.of}, ${each.code} as that` : `at offset ${each.offset}`
}

/** @returns one line, whatever the record held: messages quote it */
export const lineOf = ({ id, timestampMs, stage, code, message }: DeadLetter): string =>
  oneLine([id, new Date(timestampMs).toISOString(), stage, code, message].join('  '))

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
