/**
 * The one configuration schema: its parts are in src/config/, and beside the stages where only one knows what they mean. Defaults stand
 * there and nowhere else; unknown keys are refused; every problem is in one error. A configuration is one YAML file plus the few
 * environment variables of `environmentOverrides`. The result is frozen. docs/configuration.md and the chart's values schema are
 * made from this schema, descriptions included.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { crossChecks } from './config/checks.ts'
import { gateway, http } from './config/doors.ts'
import { kafka, limits, registry, step, topics } from './config/log.ts'
import { policy } from './config/policy.ts'
import { gate, learner, shedding } from './config/stages.ts'
import { features, state } from './config/state.ts'
import { heartbeat, log, tracing } from './config/watching.ts'
import { FeedloopError } from './errors.ts'
import { heartbeatPolicy } from './heartbeat.ts'
import { checkSources } from './intake/mapping.ts'
import { sourceSchema } from './intake/schema.ts'
import { type AlgorithmName, algorithms, defaultAlgorithm } from './learner/algorithms.ts'
import type { ExplorerConfig } from './ranker/explorers/schema.ts'

export const configSchema = z.strictObject({
  kafka,
  registry,
  topics,
  step,
  limits,
  shedding,
  state,
  features,
  policies: z
    .array(policy)
    .min(1)
    .default([policy.parse({})]),
  learner,
  gate,
  sources: z
    .array(sourceSchema)
    .default([])
    .describe(
      'Topics of yours that intake maps to events, requests, items and users. A topic may have several entries: its records go through each, and ids must tell what they make apart.',
    ),
  http,
  gateway,
  heartbeat,
  tracing,
  log,
})

export type Config = z.output<typeof configSchema>
export type ConfigInput = z.input<typeof configSchema>
export type PolicyConfig = Config['policies'][number]
export type { ExplorerConfig }

/** Environment variables that override the file, and where they go. */
export const environmentOverrides = {
  KAFKA_BROKERS: (input, value) =>
    set(
      input,
      ['kafka', 'brokers'],
      value.split(',').map(part => part.trim()),
    ),
  KAFKA_USERNAME: (input, value) => set(input, ['kafka', 'sasl', 'username'], value),
  FEEDLOOP_TOPIC_PREFIX: (input, value) => set(input, ['topics', 'prefix'], value),
  FEEDLOOP_REGISTRY_URL: (input, value) => set(input, ['registry', 'url'], value),
  FEEDLOOP_HTTP_PORT: (input, value) => set(input, ['http', 'port'], Number(value)),
  FEEDLOOP_GATEWAY_PORT: (input, value) => set(input, ['gateway', 'port'], Number(value)),
  FEEDLOOP_LOG_LEVEL: (input, value) => set(input, ['log', 'level'], value),
} as const satisfies Record<string, (input: Record<string, unknown>, value: string) => void>

function set(input: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let parent = input
  for (const key of path.slice(0, -1)) {
    parent[key] ??= {}
    parent = parent[key] as Record<string, unknown>
    // The schema has the better words for it.
    if (typeof parent !== 'object') return
  }
  parent[path[path.length - 1]] = value
}

export interface ConfigUse {
  /** The schema files of `sources` are opened and checked too: intake needs them, other services need not have them. */
  readonly openSchemas?: boolean
}

/** Checks a whole configuration. @throws FeedloopError CONFIG_INVALID listing every problem, one a line;
 * how values go together is checked once each by itself is right */
export function parseConfig(input: unknown, use: ConfigUse = {}): Config {
  const result = configSchema.safeParse(named(input ?? {}))
  const problems = result.success ? crossChecks(result.data) : shapeProblems(result.error.issues)
  const { sources, registry } = (result.data ?? input) as { sources?: unknown; registry?: { url?: unknown } }
  if (Array.isArray(sources)) checkSources(sources, { hasRegistry: registry?.url !== undefined, ...use }, problems)
  if (problems.length > 0) throw new FeedloopError('CONFIG_INVALID', `\n  ${problems.join('\n  ')}`)
  return deepFreeze(withHeartbeat(result.data!))
}

/** What learns and how it explores follows from what else a policy says, where it names neither. */
function named(input: unknown): unknown {
  const { policies } = input as { policies?: unknown }
  if (!Array.isArray(policies)) return input
  return { ...(input as object), policies: policies.map(withNames) }
}

function withNames(policy: unknown): unknown {
  if (!isObject(policy)) return policy
  const { algorithm = defaultAlgorithm(policy.gamma), explorer = {} } = policy
  if (!isObject(explorer) || 'name' in explorer || !Object.hasOwn(algorithms, String(algorithm)))
    return { ...policy, algorithm }
  const { explorer: name } = algorithms[algorithm as AlgorithmName]
  return { ...policy, algorithm, explorer: { ...explorer, name } }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The policy of the heartbeats, behind all others: each keeps its partition of `models`. */
const withHeartbeat = (config: Config): Config =>
  config.heartbeat.everyMs > 0 ? { ...config, policies: [...config.policies, policy.parse(heartbeatPolicy)] } : config

/** Reads a YAML file (none: the defaults) and applies the environment. @throws FeedloopError CONFIG_INVALID, DATA_MISSING */
export function loadConfig(file: string | undefined, environment: NodeJS.ProcessEnv, use?: ConfigUse): Config {
  const input = (file ? readYaml(file) : {}) as Record<string, unknown>
  if (typeof input !== 'object') return parseConfig(input, use)
  for (const [name, apply] of Object.entries(environmentOverrides)) {
    const value = environment[name]
    if (value !== undefined && value !== '') apply(input, value)
  }
  return parseConfig(input, use)
}

function readYaml(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `cannot read ${file}`, { cause })
  }
  try {
    return parse(text) ?? {}
  } catch (cause) {
    throw new FeedloopError('CONFIG_INVALID', `${file} is not YAML: ${(cause as Error).message}`, { cause })
  }
}

/** Those within a source are left to `checkSources`, which has them all. */
const shapeProblems = (issues: readonly z.core.$ZodIssue[]): string[] =>
  issues.filter(({ path }) => path[0] !== 'sources' || path.length < 2).map(describeIssue)

const describeIssue = (issue: z.core.$ZodIssue): string =>
  `${issue.path.length > 0 ? issue.path.join('.') : '(top)'}: ${issue.message}`

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}
