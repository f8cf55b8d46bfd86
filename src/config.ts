/**
 * The one configuration schema. Defaults stand here and nowhere else; unknown keys are refused; every problem is in one
 * error. A configuration is one YAML file plus the few environment variables of `environmentOverrides`. The result is
 * frozen. docs/configuration.md and the chart's values schema are made from this schema.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { FeedloopError } from './errors.ts'

const ms = (value: number) => z.number().int().nonnegative().default(value)
const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const component = z.strictObject({
  /** Reward of one such event: a number, or `value` for the event's own. */
  value: z.union([z.number(), z.literal('value')]).default(1),
  /** How several outcomes of the type become one number. */
  aggregate: z.enum(['sum', 'first', 'last', 'max', 'min', 'mean', 'count']).default('sum'),
  /** Weight of the component in the scalar reward. */
  weight: z.number().default(1),
})

const explorer = z.strictObject({
  name: z.enum(['thompson', 'softmax', 'epsilon-greedy', 'greedy', 'uniform']).default('thompson'),
  /** Posterior draws of the logged mixture. */
  draws: z.number().int().min(1).max(1024).default(64),
  /** Share of uniform choice mixed in, so that every candidate has a propensity. */
  epsilon: z.number().min(0).max(1).default(0.01),
  /** Softmax temperature. */
  temperature: z.number().positive().default(1),
  /** Scale of the posterior's standard deviation. */
  alpha: z.number().nonnegative().default(0.05),
})

const linearGaussian = z.strictObject({
  /** Prior precision lambda. */
  priorPrecision: z.number().positive().default(1),
  /** Items with a block of their own; the least seen beyond are evicted. */
  maxItems: z.number().int().positive().default(100_000),
  /** Statistics halve in this time of decisions; 0: never. */
  halfLifeMs: ms(0),
})

const twoTower = z.strictObject({
  hidden: z.number().int().positive().default(64),
  embedding: z.number().int().positive().default(32),
  learningRate: z.number().positive().default(0.001),
  batchSize: z.number().int().positive().default(256),
  /** Transitions kept for replay. */
  bufferSize: z.number().int().positive().default(50_000),
  /** Gradient steps per newly arrived batch. */
  stepsPerBatch: z.number().int().positive().default(1),
  /** Cap of the importance weight (rho-bar = c-bar of V-trace). */
  maxImportanceWeight: z.number().positive().default(1),
  entropy: z.number().nonnegative().default(0.01),
  valueLoss: z.number().nonnegative().default(0.5),
  maxGradientNorm: z.number().positive().default(1),
  seed: z.number().int().default(1),
})

const policy = z.strictObject({
  name: z.string().min(1).default('default'),
  algorithm: z.enum(['linear-gaussian', 'two-tower']).default('linear-gaussian'),
  /** What serves before the first release. */
  initial: z.enum(['random', 'greedy']).default('random'),
  explorer: explorer.prefault({}),
  linearGaussian: linearGaussian.prefault({}),
  twoTower: twoTower.prefault({}),
  /** Reward components by event type; types not listed carry no reward. */
  rewards: z.record(z.string(), component.prefault({})).default({ click: component.parse({}) }),
  /** Reward of a decision without outcomes, by component. */
  defaultReward: z.record(z.string(), z.number()).default({}),
  /** Discount a second between decisions, (0, 1]; 0: bandit, no continuation is needed to learn. */
  gamma: z.number().min(0).max(1).default(0),
  /** `immediately`: a transition as soon as the decision is seen; `at-close`: when its window closes. */
  learn: z.enum(['immediately', 'at-close']).default('immediately'),
  /** An outcome counts for a decision up to this long after it. */
  attributionWindowMs: ms(10 * minute),
  /** After the window, outcomes are corrections up to this long after the decision; later ones are orphans. */
  correctionWindowMs: ms(7 * day),
  /** A session without a given id is cut by a gap of this length; an episode is truncated by it. */
  sessionGapMs: ms(30 * minute),
})

const source = z.looseObject({ topic: z.string(), to: z.enum(['requests', 'events', 'items', 'users']) })

export const configSchema = z.strictObject({
  kafka: z
    .strictObject({
      brokers: z.array(z.string()).default([]),
      clientId: z.string().default('feedloop'),
      ssl: z.boolean().default(false),
      sasl: z
        .strictObject({
          mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
          username: z.string(),
          passwordFile: z.string(),
        })
        .optional(),
    })
    .prefault({}),
  registry: z.strictObject({ url: z.string().optional() }).prefault({}),
  topics: z
    .strictObject({
      prefix: z.string().default('feedloop.'),
      /** Partitions of all per-user topics. */
      partitions: z.number().int().min(1).max(1024).default(4),
      replicationFactor: z.number().int().min(1).default(1),
      minInsyncReplicas: z.number().int().min(1).default(1),
      retentionHours: z.number().positive().optional(),
    })
    .prefault({}),
  step: z
    .strictObject({
      intervalMs: ms(25),
      maxRecords: z.number().int().positive().default(2000),
      maxBytes: z.number().int().positive().default(900_000),
      progressMs: ms(5 * second),
      idleMs: ms(5 * second),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** An event time further ahead of the clock than this goes to the dead letters. */
      futureSkewMs: ms(5 * minute),
      /** Decided request ids are remembered this long. */
      requestDedupMs: ms(hour),
      maxCandidates: z.number().int().positive().default(1000),
      maxSlots: z.number().int().positive().default(50),
    })
    .prefault({}),
  state: z
    .strictObject({
      historyLength: z.number().int().min(0).max(500).default(50),
      /** Weight of an interaction in the history mean by event type; types not listed count nothing. */
      typeWeights: z
        .record(z.string(), z.number())
        .default({ view: 1, click: 1, purchase: 1, rating: 1, dwell: 1, like: 1, share: 1 }),
      /** An interaction's weight halves in this time; 0: never. */
      halfLifeMs: ms(0),
      /** Parts of the state vector. `history`: weighted mean of item vectors; `values`: the same weighted by value;
       * `profile`: the user vector; `context`: hashed request context. A bias of 1 always comes first. */
      blocks: z.array(z.enum(['history', 'values', 'profile', 'context'])).default(['history', 'context']),
      /** Dimensions of the hashed context. */
      contextDimensions: z.number().int().positive().default(8),
      /** Values are divided by this in the `values` block. */
      valueScale: z.number().positive().default(1),
    })
    .prefault({}),
  features: z
    .strictObject({
      encoder: z.enum(['hashed', 'onnx', 'endpoint']).default('hashed'),
      /** Dimensions of item and user vectors (onnx and endpoint vectors are projected when they differ). */
      dimensions: z.number().int().min(1).max(4096).default(32),
      /** Encoder down: keep old vectors; new items `wait`, or get a `hashed` vector until it is back. */
      whenDown: z.enum(['wait', 'hashed']).default('wait'),
      onnx: z.strictObject({ folder: z.string().default('') }).prefault({}),
      endpoint: z
        .strictObject({
          url: z.string().default(''),
          model: z.string().default(''),
          keyFile: z.string().optional(),
          batchSize: z.number().int().positive().default(64),
          timeoutMs: ms(10 * second),
          retries: z.number().int().nonnegative().default(5),
        })
        .prefault({}),
    })
    .prefault({}),
  policies: z
    .array(policy)
    .min(1)
    .default([policy.parse({})]),
  learner: z
    .strictObject({
      /** Time between published versions, ms. */
      publishMs: ms(second),
      /** A full checkpoint at least every so many versions; between them only what changed. */
      fullEvery: z.number().int().positive().default(30),
    })
    .prefault({}),
  gate: z.strictObject({ maxKl: z.number().positive().default(5) }).prefault({}),
  sources: z.array(source).default([]),
  http: z
    .strictObject({ host: z.string().default('0.0.0.0'), port: z.number().int().min(0).max(65535).default(9464) })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info') })
    .prefault({}),
})

export type Config = z.output<typeof configSchema>
export type ConfigInput = z.input<typeof configSchema>
export type PolicyConfig = Config['policies'][number]
export type ExplorerConfig = PolicyConfig['explorer']

/** Environment variables that override the file, and where they go. */
export const environmentOverrides = {
  KAFKA_BROKERS: (input, value) =>
    set(
      input,
      ['kafka', 'brokers'],
      value.split(',').map(part => part.trim()),
    ),
  FEEDLOOP_TOPIC_PREFIX: (input, value) => set(input, ['topics', 'prefix'], value),
  FEEDLOOP_REGISTRY_URL: (input, value) => set(input, ['registry', 'url'], value),
  FEEDLOOP_HTTP_PORT: (input, value) => set(input, ['http', 'port'], Number(value)),
  FEEDLOOP_LOG_LEVEL: (input, value) => set(input, ['log', 'level'], value),
} as const satisfies Record<string, (input: Record<string, unknown>, value: string) => void>

function set(input: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let parent = input
  for (const key of path.slice(0, -1)) {
    parent[key] ??= {}
    parent = parent[key] as Record<string, unknown>
  }
  parent[path[path.length - 1]] = value
}

/** Checks a whole configuration. @throws FeedloopError CONFIG_INVALID listing every problem, one a line */
export function parseConfig(input: unknown): Config {
  const result = configSchema.safeParse(input ?? {})
  const problems = result.success ? crossChecks(result.data) : result.error.issues.map(describeIssue)
  if (problems.length > 0) throw new FeedloopError('CONFIG_INVALID', `\n  ${problems.join('\n  ')}`)
  return deepFreeze(result.data!)
}

/** Reads a YAML file (none: the defaults) and applies the environment. @throws FeedloopError CONFIG_INVALID, DATA_MISSING */
export function loadConfig(file: string | undefined, environment: NodeJS.ProcessEnv): Config {
  const input = (file ? readYaml(file) : {}) as Record<string, unknown>
  for (const [name, apply] of Object.entries(environmentOverrides)) {
    const value = environment[name]
    if (value !== undefined && value !== '') apply(input, value)
  }
  return parseConfig(input)
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

function crossChecks(config: Config): string[] {
  const problems: string[] = []
  const names = config.policies.map(each => each.name)
  if (new Set(names).size < names.length) problems.push('policies: names must be unique')
  for (const each of config.policies)
    if (each.correctionWindowMs < each.attributionWindowMs)
      problems.push(`policies.${each.name}: correctionWindowMs is shorter than attributionWindowMs`)
  if (config.features.encoder === 'onnx' && !config.features.onnx.folder)
    problems.push('features.onnx.folder is needed')
  if (config.features.encoder === 'endpoint' && !config.features.endpoint.url)
    problems.push('features.endpoint.url is needed')
  return problems
}

const describeIssue = (issue: z.core.$ZodIssue): string =>
  `${issue.path.length > 0 ? issue.path.join('.') : '(top)'}: ${issue.message}`

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}
