import { Argument, type Command } from 'commander'
import { FeedloopError } from '../errors.ts'
import { adoptChain } from '../log/chain/adopt.ts'
import type { InputPosition } from '../log/chain/header.ts'
import { type TopicName, topics } from '../pipeline.ts'
import { atLeast, onBus, printJson, withConfig } from './shared.ts'

interface AdoptCommandOptions {
  readonly config?: string
  readonly input: readonly string[]
}

export function addChain(program: Command): void {
  const chained = Object.entries(topics).flatMap(([name, { chained: isChained }]) => (isChained ? [name] : []))
  withConfig(
    program
      .command('chain')
      .description('the chains of batches in the log')
      .command('adopt')
      .description(
        'after CHAIN_IDENTITY_LOST or CHAIN_NO_ANCHOR: go on from here in a new epoch (stop its services first)',
      )
      .addArgument(new Argument('<topic>', 'chained topic, without the prefix').choices(chained))
      .argument('<partition>', 'which', atLeast(0))
      .option(
        '--input <topic/partition=offset>',
        'where an input goes on, repeated for each; absent: where the last step in the log stood',
        (value: string, before: string[]) => [...before, value],
        [] as string[],
      ),
  ).action((topic: TopicName, partition: number, options: AdoptCommandOptions) =>
    onBus(options, async ({ log, config }) => {
      const inputs = options.input.length > 0 ? options.input.map(positionOf) : undefined
      const output = { topic, partition }
      printJson(await adoptChain({ log, prefix: config.topics.prefix, output, inputs }))
    }),
  )
}

/** `events/3=1200` -> a position. @throws FeedloopError USAGE */
function positionOf(text: string): InputPosition {
  const [, topic, partition, next] = /^([a-z-]+)\/(\d+)=(\d+)$/.exec(text) ?? []
  if (topic === undefined || !(topic in topics))
    throw new FeedloopError('USAGE', `--input ${text}: TOPIC/PARTITION=OFFSET`)
  return { topic, partition: Number(partition), next: Number(next) }
}
