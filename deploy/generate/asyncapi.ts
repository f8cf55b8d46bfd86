/**
 * asyncapi.json: what the bus carries, for people and tools of other services (AsyncAPI 3.0). A channel is a topic, an operation a
 * stage's reading or writing of it, a message a record by its own Avro schema. From src/pipeline.ts and schemas/.
 */
import { readFileSync } from 'node:fs'
import { STEP_HEADER } from '../../src/log/chain/header.ts'
import { DEAD_LETTER_ID } from '../../src/log/deadletters.ts'
import { topicSpecs } from '../../src/log/topics.ts'
import { currentSchema } from '../../src/log/wire/schemas.ts'
import { pipeline, type StageEntry, type Topic, type TopicName, topicName, topics } from '../../src/pipeline.ts'
import { wantedFields } from '../../src/tracing/records.ts'
import { type Operation, stageAcls } from '../kafka/acls.ts'

const PREFIX = 'feedloop.'
const AVRO = 'application/vnd.apache.avro;version=1.9.0'
const named = Object.entries(topics) as [TopicName, Topic][]
const specs = new Map(
  topicSpecs({ prefix: PREFIX, partitions: 4, policies: 1, replicationFactor: 3 }).map(spec => [spec.topic, spec]),
)
const messageName = ({ schema }: Topic): string => schema ?? 'DeadLetter'
const tracedBy = Object.fromEntries(
  (Object.keys(wantedFields) as TopicName[]).map(name => [messageName(topics[name]), name]),
)

export function asyncApi(): object {
  const { version, description, license } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'feedloop',
      version,
      description: `${description} Addresses have the prefix \`${PREFIX}\`, which \`topics.prefix\` changes.`,
      license: { name: license },
    },
    defaultContentType: 'application/avro',
    channels: Object.fromEntries(named.map(([name, topic]) => [name, channel(name, topic)])),
    operations: Object.fromEntries(pipeline.flatMap(operations)),
    components: { messages: Object.fromEntries(named.map(([, topic]) => [messageName(topic), message(topic)])) },
  }
}

function channel(name: TopicName, topic: Topic): object {
  const address = topicName(PREFIX, name)
  const { partitions, replicationFactor, config } = specs.get(address)!
  return {
    address,
    description: `${topic.holds}; ${topic.chained ? 'chained: read by the rule of docs/DESIGN.md, or at least once' : 'at least once'}`,
    messages: { [messageName(topic)]: { $ref: `#/components/messages/${messageName(topic)}` } },
    bindings: {
      kafka: {
        topic: address,
        partitions,
        replicas: replicationFactor,
        topicConfiguration: {
          'cleanup.policy': [topic.cleanup],
          'max.message.bytes': Number(config['max.message.bytes']),
          ...(config['retention.ms'] && { 'retention.ms': Number(config['retention.ms']) }),
        },
        bindingVersion: '0.5.0',
      },
    },
  }
}

/** All that its rights are for: also what it reads again of its own, and the dead letters that it buries. */
const operations = (entry: StageEntry): [string, object][] =>
  stageAcls(entry)
    .filter(({ resource }) => resource === 'topic')
    .flatMap(({ name, operations }) => operations.map(each => operation(entry, name, each)))

function operation({ stage, does }: StageEntry, topic: string, right: Operation): [string, object] {
  const [action, verb] = right === 'Read' ? ['receive', 'reads'] : ['send', 'writes']
  return [`${stage}-${verb}-${topic}`, { action, channel: { $ref: `#/channels/${topic}` }, summary: does }]
}

const text = (description: string) => ({ type: 'string', description })

function message(topic: Topic): object {
  const headers = {
    ...(topic.chained && { [STEP_HEADER]: text('Of the first record of a batch: the step that wrote it, as JSON.') }),
    ...(topic.schema === null && { [DEAD_LETTER_ID]: text('topic/partition/offset of what was refused.') }),
    ...(messageName(topic) in tracedBy && { traceparent: text('W3C trace context, where tracing is on.') }),
  }
  return {
    name: messageName(topic),
    summary: topic.holds,
    headers: { type: 'object', properties: headers },
    ...(topic.schema === null
      ? { contentType: 'application/octet-stream', payload: { description: 'The refused value, as it came.' } }
      : { payload: { schemaFormat: AVRO, schema: currentSchema(topic.schema) } }),
    bindings: { kafka: { key: text(`The record's ${topic.key}, UTF-8.`), bindingVersion: '0.5.0' } },
  }
}
