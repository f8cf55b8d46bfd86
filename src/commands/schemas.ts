import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { connectRegistry, type Registry } from '../log/wire/registry.ts'
import { currentSchemas } from '../log/wire/schemas.ts'
import { type Topic, type TopicName, topicName, topics } from '../pipeline.ts'
import { configOf, printJson, withConfig } from './shared.ts'

export function addSchemas(program: Command): void {
  const schemas = program.command('schemas').description("check or register the topics' schemas at the registry")
  withConfig(
    schemas.command('check').description('ask whether each fits the newest one there; exit 1 when one does not'),
  ).action(async options => {
    await assertCompatible(await registryOf(configOf(options)), subjectsOf(configOf(options)))
    process.stdout.write('all schemas are compatible\n')
  })
  withConfig(schemas.command('push').description('register all of them, or none where one does not fit')).action(
    async options => printJson(await pushSchemas(configOf(options))),
  )
}

interface Subject {
  readonly subject: string
  readonly schema: unknown
}

/** One a topic that has records, named as the registry's own clients name it. */
export function subjectsOf({ topics: { prefix } }: Pick<Config, 'topics'>): Subject[] {
  const schemas = new Map(currentSchemas().map(({ name, schema }) => [name, schema]))
  return (Object.entries(topics) as [TopicName, Topic][]).flatMap(([name, topic]) =>
    topic.schema === null ? [] : [{ subject: `${topicName(prefix, name)}-value`, schema: schemas.get(topic.schema) }],
  )
}

/** @returns the ids by subject @throws FeedloopError CONFIG_INVALID without a registry, REGISTRY_UNAVAILABLE, REGISTRY_REFUSED */
export async function pushSchemas(config: Config): Promise<Record<string, number>> {
  const registry = await registryOf(config)
  const subjects = subjectsOf(config)
  await assertCompatible(registry, subjects)
  const ids: Record<string, number> = {}
  for (const { subject, schema } of subjects) ids[subject] = await registry.register(subject, schema)
  return ids
}

function registryOf({ registry }: Config): Promise<Registry> {
  const { url } = registry
  if (url === undefined)
    throw new FeedloopError('CONFIG_INVALID', 'no registry: set registry.url or FEEDLOOP_REGISTRY_URL')
  return connectRegistry({ ...registry, url })
}

async function assertCompatible(registry: Registry, subjects: readonly Subject[]): Promise<void> {
  const lines: string[] = []
  for (const { subject, schema } of subjects)
    for (const line of await registry.objections(subject, schema)) lines.push(`${subject}: ${line}`)
  if (lines.length > 0) throw new FeedloopError('REGISTRY_REFUSED', `\n  ${lines.join('\n  ')}`)
}
