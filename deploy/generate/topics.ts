/** The topics as KafkaTopic resources need them. Counts of partitions and replicas come from the chart's values. */
import { topicSpecs } from '../../src/log/topics.ts'
import { type Topic, type TopicName, topics } from '../../src/pipeline.ts'

/** The chart's templates make these from the values. */
const fromValues = ['retention.ms', 'min.insync.replicas']

export const chartTopics = () =>
  topicSpecs({ prefix: '', partitions: 1, policies: 1, replicationFactor: 1 }).map(({ topic, config }) => {
    const { partitions, cleanup, retentionHours }: Topic = topics[topic as TopicName]
    return {
      topic,
      partitions,
      retentionHours: cleanup === 'delete' ? retentionHours : 0,
      config: Object.fromEntries(Object.entries(config).filter(([key]) => !fromValues.includes(key))),
    }
  })
