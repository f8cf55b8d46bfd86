import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { applyTopics, checkTopics, topicSpecs } from '../log/topics.ts'
import { onBus, withConfig } from './shared.ts'

export const specsOf = (config: Config) => topicSpecs({ ...config.topics, policies: config.policies.length })

export function addTopics(program: Command): void {
  const topics = program.command('topics').description('make or check the topics of src/pipeline.ts')
  withConfig(topics.command('apply').description('create what is missing')).action(options =>
    onBus(options, async ({ config, log }) => {
      await applyTopics(log, specsOf(config))
      await failOnDifferences(await checkTopics(log, specsOf(config)))
    }),
  )
  withConfig(topics.command('check').description('list every difference; exit 1 when there is one')).action(options =>
    onBus(options, async ({ config, log }) => failOnDifferences(await checkTopics(log, specsOf(config)))),
  )
}

async function failOnDifferences(differences: readonly string[]): Promise<void> {
  if (differences.length > 0) throw new FeedloopError('TOPIC_MISCONFIGURED', `\n  ${differences.join('\n  ')}`)
  process.stdout.write('all topics are as they must be\n')
}
