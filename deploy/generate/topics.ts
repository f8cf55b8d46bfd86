/** The topics as KafkaTopic resources need them. Counts of partitions and replicas come from the chart's values. */
import { type Topic, topics } from '../../src/pipeline.ts'

export const chartTopics = () =>
  Object.entries(topics).map(([topic, entry]: [string, Topic]) => ({
    topic,
    partitions: entry.partitions,
    retentionHours: entry.cleanup === 'delete' ? entry.retentionHours : 0,
    config: {
      'cleanup.policy': entry.cleanup,
      'max.message.bytes': String(entry.maxBatchBytes),
      'unclean.leader.election.enable': 'false',
    },
  }))
