import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { checkSources } from '../intake/mapping.ts'
import type { Log } from '../log/log.ts'
import { applyTopics, checkSourceTopics, checkTopics, topicSpecs } from '../log/topics.ts'
import { checkPolicyPartitions } from '../operate/policy-partitions.ts'
import { repartition } from '../operate/repartition.ts'
import { atLeast, onBus, printJson, withConfig } from './shared.ts'

export const specsOf = (config: Config) => topicSpecs({ ...config.topics, policies: config.policies.length })

export function addTopics(program: Command): void {
  const topics = program.command('topics').description('make or check the topics of src/pipeline.ts')
  withConfig(topics.command('apply').description('create what is missing')).action(options =>
    onBus(options, async ({ config, log }) => {
      const made = await applyTopics(log, specsOf(config))
      failOn(await differencesOf(log, config))
      process.stdout.write(`${describeApplied(made, await missingSources(config, log).catch(unseen))}\n`)
    }),
  )
  withConfig(topics.command('check').description('list every difference; exit 1 when there is one')).action(options =>
    onBus(options, async ({ config, log }) => {
      failOn([...(await differencesOf(log, config)), ...(await missingSources(config, log))])
      process.stdout.write(`${ALL_WELL}\n`)
    }),
  )
  withConfig(
    topics
      .command('repartition')
      .description('move the loop to topics of another prefix and partition count (docs/repartition.md)')
      .requiredOption('--partitions <count>', 'partitions of the new per-user topics', partitionsOf)
      .requiredOption('--to <prefix>', 'prefix of the new topics')
      .option('--timeout <seconds>', 'how long the loop may take to drain', atLeast(1, 'any'), 600),
  ).action((options: RepartitionFlags) =>
    onBus(options, async context => {
      const { partitions, to, timeout } = options
      printJson(await repartition(context, { partitions, to, timeoutMs: 1000 * timeout }))
    }),
  )
}

const differencesOf = async (log: Log, config: Config): Promise<string[]> => [
  ...(await checkTopics(log, specsOf(config))),
  ...(await checkPolicyPartitions(log, config)),
]

interface RepartitionFlags {
  readonly config?: string
  readonly partitions: number
  readonly to: string
  readonly timeout: number
}

function partitionsOf(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 1024) return count
  throw new FeedloopError('USAGE', `--partitions ${text} is not within 1 … 1024`)
}

async function missingSources(config: Config, log: Log): Promise<readonly string[]> {
  const sources = checkSources(config.sources, { hasRegistry: config.registry.url !== undefined }, [])
  return checkSourceTopics(
    log,
    sources.map(({ topic }) => topic),
  )
}

/** Who may make our topics need not see those of others. @throws what it is given, where that is anything else */
export function unseen(error: unknown): readonly string[] {
  if (error instanceof FeedloopError && error.code === 'LOG_FORBIDDEN')
    return [`whether those of \`sources\` are there is not known: ${error.message}`]
  throw error
}

const ALL_WELL = 'all topics are as they must be'

/** What `topics apply` did, and what it leaves to others. @param missing lines of `checkSourceTopics` */
export function describeApplied(made: readonly string[], missing: readonly string[]): string {
  const lines = made.length > 0 ? [`made ${made.join(', ')}`] : []
  if (missing.length === 0) return [...lines, ALL_WELL].join('\n')
  return [...lines, 'the topics of the loop are as they must be; of yours:', ...missing.map(line => `  ${line}`)].join(
    '\n',
  )
}

function failOn(differences: readonly string[]): void {
  if (differences.length > 0) throw new FeedloopError('TOPIC_MISCONFIGURED', `\n  ${differences.join('\n  ')}`)
}
