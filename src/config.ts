/**
 * The one configuration schema. Defaults stand here and nowhere else; unknown keys are refused; every problem is in one
 * error. A configuration is one YAML file plus the few environment variables of `environmentOverrides`. The result is
 * frozen. docs/configuration.md and the chart's values schema are made from this schema, descriptions included.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { FeedloopError } from './errors.ts'
import { HEARTBEAT, heartbeatPolicy } from './heartbeat.ts'
import { checkSources } from './intake/mapping.ts'
import { sourceSchema } from './intake/schema.ts'
import { a3c } from './learner/a3c/schema.ts'
import { type AlgorithmName, algorithmNames, algorithms, defaultAlgorithm } from './learner/algorithms.ts'
import { dqn } from './learner/dqn/schema.ts'
import { ppo } from './learner/ppo/schema.ts'
import { reinforce } from './learner/reinforce/schema.ts'
import { baggedLinear, linearGaussian, neuralLinear, twoTower, warmStart, weighing } from './learner/schema.ts'
import { slateQ } from './learner/slate-q/schema.ts'
import { vTrace } from './learner/v-trace/schema.ts'
import { retentionMs, topics } from './pipeline.ts'
import { conditionSource } from './ranker/condition.ts'
import { constraintsSchema } from './ranker/constraints/schema.ts'
import { type ExplorerConfig, explorerNeeds, explorerSchema, type Need } from './ranker/explorers/schema.ts'
import { clientTls, doorFields, hasNoPassword, passwordInUrl, plainUrl, sasl } from './security.ts'

const ms = (value: number) => z.number().int().nonnegative().default(value)
const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Looked up by texts of payloads: `constructor` must be nothing there, not what objects inherit. */
const inheritsNothing = <T extends object>(record: T): T => Object.setPrototypeOf(record, null) as T

const component = z.strictObject({
  value: z
    .union([z.number(), z.literal('value')])
    .default(1)
    .describe("Reward of one such event: a number, or `value` for the event's own."),
  aggregate: z
    .enum(['sum', 'first', 'last', 'max', 'min', 'mean', 'count'])
    .default('sum')
    .describe('How several outcomes of the type become one number.'),
  weight: z.number().default(1).describe('Weight of the component in the scalar reward.'),
  cancels: z
    .string()
    .optional()
    .describe(
      'Event type whose outcomes this takes back instead of being a reward, e.g. refund cancels purchase. Without a decision id it goes where the purchase of the user and item went.',
    ),
})

const candidates = z.strictObject({
  filters: z
    .array(conditionSource)
    .default([])
    .describe(
      'CEL conditions that every item must meet, those of a request too: availability, region, age rating, freshness. See docs/ranking.md.',
    ),
  max: z
    .number()
    .int()
    .positive()
    .default(1000)
    .describe('Candidates that a decision takes from the catalogue, within limits.maxCandidates.'),
  retrieval: z
    .enum(['model', 'history', 'none'])
    .default('model')
    .describe(
      "How they are found where more are eligible. `model`: by the serving version's towers or, where it has none, the items that it has learned of and `history`; `history`: by the dot product with the mean of the user's history; `none`: drawn at random.",
    ),
  explorationShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Part of them that is drawn at random from the rest of what is eligible.'),
  newWithinMs: ms(0).describe(
    'That part is drawn from items first seen within this time as far as there are any; 0: from all alike.',
  ),
})

const policy = z.strictObject({
  name: z.string().min(1).default('default').describe('Name of the policy, unique.'),
  algorithm: z
    .enum(algorithmNames)
    .default('linear-gaussian')
    .describe(
      'What learns. `linear-gaussian`: exact sums; `bagged-linear`: several of it, each on its own resampled log; `neural-linear`: the same on features that a network learns; `two-tower`: softmax policy with a value head. For sequences: `v-trace`, an actor-critic on session segments, and what learns where `gamma` is above 0 and nothing is named; `reinforce`, `ppo`, `a3c`: other policy gradients; `dqn`, `slate-q`: values.',
    ),
  initial: z.enum(['random', 'greedy']).default('random').describe('What serves before the first release.'),
  mode: z
    .enum(['online', 'apprentice', 'logging_only'])
    .default('online')
    .describe(
      "What decisions are for, until an order of `feedloop release` says otherwise. `online`: the policy's slate is shown; `apprentice`: the request's `baseline`, with what the policy would have shown beside it; `logging_only`: the caller has shown its baseline already.",
    ),
  baselineEpsilon: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'In apprentice mode a place of the baseline is given to a candidate at random with this probability: its propensities are then exact, and other policies can be evaluated on it. 0: shown as it is.',
    ),
  explorer: explorerSchema
    .prefault({})
    .describe(
      'How the policy explores: a name with the parameters that it takes. Without a name `thompson`, over logits `softmax`, over values `epsilon-greedy`.',
    ),
  candidates: candidates.prefault({}),
  constraints: constraintsSchema
    .prefault({})
    .describe('What a slate may and must hold: each a mask or a shift of the chance of a slot given those before it.'),
  linearGaussian: linearGaussian.prefault({}),
  baggedLinear: baggedLinear.prefault({}),
  twoTower: twoTower.prefault({}),
  neuralLinear: neuralLinear.prefault({}),
  vTrace: vTrace.prefault({}),
  reinforce: reinforce.prefault({}),
  ppo: ppo.prefault({}),
  a3c: a3c.prefault({}),
  dqn: dqn.prefault({}),
  slateQ: slateQ.prefault({}),
  weighing: weighing.prefault({}),
  warmStart: warmStart
    .optional()
    .describe(
      "A log of others' decisions, learned once, before the transitions of the policy's next version: every version from there on names its digest.",
    ),
  rewards: z
    .record(z.string(), component.prefault({}))
    .default({ click: component.parse({}) })
    .transform(inheritsNothing)
    .describe('Reward components by event type; types not listed carry no reward.'),
  rewardRange: z
    .strictObject({ min: z.number().describe('Least scalar reward.'), max: z.number().describe('Greatest.') })
    .refine(({ min, max }) => min < max, 'min must be less than max')
    .optional()
    .describe('Range of the scalar reward of a decision, mapped to [0, 1] by a fixed line; none: as it is.'),
  defaultReward: z
    .record(z.string(), z.number())
    .default({})
    .transform(inheritsNothing)
    .describe('Reward of a decision without outcomes, by component.'),
  gamma: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Discount a second between decisions, (0, 1]; 0: bandit, no continuation is needed to learn.'),
  learn: z
    .enum(['immediately', 'at-close'])
    .default('immediately')
    .describe('`immediately`: a transition as soon as the decision is seen; `at-close`: when its window closes.'),
  attribution: z
    .enum(['last-touch', 'first-touch', 'even-split'])
    .default('last-touch')
    .describe(
      'Which of the decisions that showed the item within the window an outcome without a decision id counts for: the last, the first, or all of them in equal parts.',
    ),
  attributionWindowMs: ms(10 * minute).describe('An outcome counts for a decision up to this long after it.'),
  backwardWindowMs: ms(0).describe(
    'An outcome without a decision id may also count for a decision up to this long after it, where none came before: for clocks that lag. One that names its decision may always be earlier by this or limits.futureSkewMs.',
  ),
  correctionWindowMs: ms(7 * day).describe(
    'After the window, outcomes are corrections up to this long after the decision; later ones are orphans.',
  ),
  sessionGapMs: ms(30 * minute).describe(
    'A session without a given id is cut by a gap of this length; an episode is truncated by it.',
  ),
})

export const configSchema = z.strictObject({
  kafka: z
    .strictObject({
      brokers: z.array(z.string()).default([]).describe('Bootstrap brokers, `host:port`.'),
      clientId: z.string().default('feedloop').describe('Client id that brokers log.'),
      ssl: z.boolean().default(false).describe('Encrypt connections, with the authorities that Node trusts.'),
      tls: clientTls.optional().describe('Encrypt connections, with authorities or a certificate of your own.'),
      sasl: sasl.optional().describe('How to log in; none: as nobody, or by the certificate.'),
    })
    .prefault({}),
  registry: z
    .strictObject({
      url: plainUrl('Confluent schema registry; none: Avro single-object encoding.').optional(),
      username: z.string().optional().describe('User, where the registry asks for one (HTTP basic).'),
      passwordFile: z.string().optional().describe('File that holds the password.'),
      tokenFile: z.string().optional().describe('File that holds a bearer token, instead of a user.'),
      tls: clientTls.optional().describe('Authorities or a certificate of your own, for an https URL.'),
    })
    .refine(({ username, passwordFile }) => (username === undefined) === (passwordFile === undefined), {
      error: 'username and passwordFile go together',
    })
    .refine(({ username, tokenFile }) => username === undefined || tokenFile === undefined, {
      error: 'either a user or a token',
    })
    .prefault({}),
  topics: z
    .strictObject({
      prefix: z.string().default('feedloop.').describe('Prefix of every topic and consumer group.'),
      partitions: z.number().int().min(1).max(1024).default(4).describe('Partitions of all per-user topics.'),
      replicationFactor: z.number().int().min(1).default(1).describe('Replicas of every topic; 3 in production.'),
      minInsyncReplicas: z.number().int().min(1).default(1).describe('`min.insync.replicas`; 2 in production.'),
      retentionHours: z
        .number()
        .positive()
        .optional()
        .describe(
          'Retention of `delete` topics where it is longer than that of src/pipeline.ts (7 days, dead letters 28); it shortens none.',
        ),
    })
    .prefault({}),
  step: z
    .strictObject({
      intervalMs: ms(25).describe('At least this long from the start of one step to the start of the next.'),
      maxRecords: z.number().int().positive().default(2000).describe('Input records of one step.'),
      maxBytes: z.number().int().positive().default(900_000).describe('Bytes of one step, under `max.message.bytes`.'),
      progressMs: ms(5 * second).describe(
        'While inputs progress without output, a batch that only carries progress at least this often.',
      ),
      idleMs: z
        .number()
        .int()
        .min(100)
        .default(5 * second)
        .describe(
          'An input that was read to its end and had no record for this long does not hold the watermark back.',
        ),
    })
    .prefault({}),
  limits: z
    .strictObject({
      futureSkewMs: ms(5 * minute).describe(
        'An event time further ahead of the clock than this goes to the dead letters.',
      ),
      requestDedupMs: ms(hour).describe(
        'Decided request ids are remembered this long, in memory, by ranker and gateway; a repeat that comes later is decided anew.',
      ),
      maxCandidates: z
        .number()
        .int()
        .positive()
        .default(1000)
        .describe('Candidates of one decision; the rest are left out.'),
      maxSlots: z.number().int().positive().default(50).describe('Slots of one slate.'),
      maxValue: z
        .number()
        .positive()
        .default(1e9)
        .describe(
          "An event's own value further from 0 goes to the dead letters: beside an absurd one the others would be lost in rounding.",
        ),
    })
    .prefault({}),
  shedding: z
    .strictObject({
      fromRequests: z
        .number()
        .int()
        .positive()
        .default(10)
        .describe('Requests that a step of the ranker must take for their waiting to be called load.'),
      perStep: z
        .number()
        .int()
        .positive()
        .default(500)
        .describe(
          'Of more requests that a step takes, so many pass on average, one of more than 100 candidates counted in proportion: a step decides them all before it answers any.',
        ),
      fromMs: ms(500).describe(
        "Above this waiting time (median of a step, by the records' own timestamps) some requests are shed: answered without scores, never learned.",
      ),
      toMs: ms(second).describe('From this waiting time on as many as ever are shed.'),
      leastPass: z
        .number()
        .gt(0)
        .max(1)
        .default(0.02)
        .describe('Share that passes then; weighed by its inverse it stands for all.'),
    })
    .refine(({ fromMs, toMs }) => fromMs < toMs, 'fromMs must be less than toMs')
    .optional()
    .describe('Load shedding; none: requests wait for as long as it takes.'),
  state: z
    .strictObject({
      folder: z
        .string()
        .default('')
        .describe(
          "Folder of this process for state on disk, beyond memory and across restarts: the joiner's open joins, the ranker's users, what learners keep for replay. None: in memory; replay then begins anew; at every start the joiner's is rebuilt from the topics, the ranker's from `snapshots` and what came after them.",
        ),
      cacheBytes: z
        .number()
        .int()
        .positive()
        .default(8 << 20)
        .describe(
          'With a folder: hot values kept on the heap, counted as their bytes on disk, all partitions together; the heap takes about three times as much, and rows that wait to be written to their places five times, outside of the heap.',
        ),
      snapshotMs: ms(minute).describe(
        'A user whose state has changed is written to `snapshots` so long after the first change, ms: what a machine that takes the partition over replays is about as long.',
      ),
      historyLength: z
        .number()
        .int()
        .min(0)
        .max(500)
        .default(50)
        .describe('Interactions of a user that the state keeps.'),
      typeWeights: z
        .record(z.string(), z.number())
        .default({ view: 1, click: 1, purchase: 1, rating: 1, dwell: 1, like: 1, share: 1 })
        .transform(inheritsNothing)
        .describe('Weight of an interaction in the history mean by event type; types not listed count nothing.'),
      halfLifeMs: ms(0).describe("An interaction's weight halves in this time; 0: never."),
      blocks: z
        .array(z.enum(['history', 'values', 'profile', 'context', 'numbers', 'counts']))
        .default(['history', 'context'])
        .describe(
          'Parts of the state vector. `history`: weighted mean of item vectors; `values`: the same weighted by value; `profile`: the user vector; `context`: hashed request context; `numbers`: numbers of the context named in `state.numbers`, each with a place of its own; `counts`: what the person has done so far, by `state.counts` and `state.rates`. A bias of 1 always comes first.',
        ),
      contextDimensions: z.number().int().positive().default(8).describe('Dimensions of the hashed context.'),
      numbers: z
        .array(z.string())
        .default([])
        .describe('Names of context numbers of the `numbers` block; standardised by the linear-Gaussian learner.'),
      counts: z
        .array(z.string())
        .default([])
        .describe('Event types of the `counts` block: log(1 + n) of each, n events of a person so far.'),
      rates: z
        .array(
          z.strictObject({
            of: z.string().describe('Event type that is counted, e.g. click.'),
            per: z.string().describe('Event type that it is counted per, e.g. impression.'),
            prior: z.number().min(0).default(0.05).describe('Rate of somebody unknown.'),
            strength: z.number().positive().default(20).describe('Events that the prior is worth.'),
          }),
        )
        .default([])
        .describe('Rates of the `counts` block: (n_of - prior · n_per) / (n_per + strength), 0 for somebody unknown.'),
      valueScale: z.number().positive().default(1).describe('Values are divided by this in the `values` block.'),
    })
    .prefault({}),
  features: z
    .strictObject({
      encoder: z
        .enum(['hashed', 'onnx', 'endpoint'])
        .default('hashed')
        .describe(
          'What makes vectors. `hashed`: words and attributes; `onnx`: a sentence encoder in a local folder; `endpoint`: an OpenAI-compatible embeddings endpoint.',
        ),
      dimensions: z
        .number()
        .int()
        .min(1)
        .max(4096)
        .default(32)
        .describe('Dimensions of item and user vectors (onnx and endpoint vectors are projected when they differ).'),
      whenDown: z
        .enum(['wait', 'hashed'])
        .default('wait')
        .describe('Encoder down: keep old vectors; new items `wait`, or get a `hashed` vector until it is back.'),
      onnx: z
        .strictObject({ folder: z.string().default('').describe('Folder of the encoder: model and tokeniser.') })
        .prefault({}),
      endpoint: z
        .strictObject({
          url: z.string().refine(hasNoPassword, passwordInUrl).default('').describe('URL of the embeddings endpoint.'),
          model: z.string().default('').describe('Model to ask for.'),
          dimensions: z
            .number()
            .int()
            .positive()
            .optional()
            .describe(
              'Numbers that the model answers with, so that another model behind its name is noticed at once; by default what it answers first.',
            ),
          keyFile: z.string().optional().describe('File that holds the API key.'),
          batchSize: z.number().int().positive().default(64).describe('Texts in one call.'),
          timeoutMs: ms(10 * second).describe('Time limit of one call.'),
          retries: z.number().int().nonnegative().default(5).describe('Retries of one call, with backoff.'),
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
      publishMs: ms(second).describe(
        'Time between published versions, ms. Learners by gradients learn every 250 ms or more often, and publish what they have learned by then; `ppo` and `a3c`, which must stay near who decides, publish each time.',
      ),
      fullEvery: z
        .number()
        .int()
        .positive()
        .default(30)
        .describe('A full checkpoint at least every so many versions; between them only what changed.'),
    })
    .prefault({}),
  gate: z
    .strictObject({
      maxKl: z
        .number()
        .positive()
        .default(5)
        .describe(
          'Nats: a version further from the serving one is held. Scores are measured in units of the serving ' +
            "version's own uncertainty (two-tower: of the explorer's temperature), so their scale does not matter.",
        ),
      holdMs: ms(minute).describe(
        'Versions that are too far from the serving one but stay close to each other serve after so long, ms.',
      ),
    })
    .prefault({}),
  sources: z
    .array(sourceSchema)
    .default([])
    .describe(
      'Topics of yours that intake maps to events, requests, items and users. A topic may have several entries: its records go through each, and ids must tell what they make apart.',
    ),
  http: z
    .strictObject({
      host: z
        .string()
        .default('0.0.0.0')
        .describe("Address of the operator's door: /livez, /readyz, /metrics, of a ranker /v1/users/{id}/state."),
      port: z.number().int().min(0).max(65535).default(9464).describe('Its port; 0: any free one.'),
      ...doorFields,
      openProbes: z
        .boolean()
        .default(true)
        .describe(
          'Whether /livez and /readyz answer everybody, with no more than their status: a kubelet has neither token nor certificate.',
        ),
    })
    .prefault({}),
  gateway: z
    .strictObject({
      host: z.string().default('0.0.0.0').describe("Address of the callers' door: /v1/…, /openapi.json."),
      port: z.number().int().min(0).max(65535).default(8080).describe('Its port; 0: any free one.'),
      ...doorFields,
      timeoutMs: z
        .number()
        .int()
        .positive()
        .default(second)
        .describe('How long a caller waits who names no `timeout_ms`; then 504.'),
      maxTimeoutMs: z
        .number()
        .int()
        .positive()
        .max(15 * second)
        .default(10 * second)
        .describe('Longest wait of any caller, whatever it asks for; well within what a process has to drain.'),
      defer: z
        .boolean()
        .default(true)
        .describe(
          'A decision counts once its answer was handed to the socket: what nobody got is never learned. Off: it counts as soon as it is made.',
        ),
      unlogged: z
        .enum(['refuse', 'baseline'])
        .default('refuse')
        .describe(
          "Log away: `refuse` with 503, or answer with the request's own `baseline`, marked `logged: false` and never learned.",
        ),
      maxWaiting: z
        .number()
        .int()
        .positive()
        .default(10_000)
        .describe('Calls that wait at a time; more are refused with 503.'),
      maxBodyBytes: z
        .number()
        .int()
        .positive()
        .max(topics.requests.maxBatchBytes)
        .default(1 << 20)
        .describe('Largest body of a call.'),
      rankers: z
        .array(plainUrl('One of them.'))
        .default([])
        .describe(
          "Operator's doors of the rankers, `http://host:9464`, to ask for a user's state; a name that stands for several machines is asked at each. None: the one of this process.",
        ),
      maxEvents: z.number().int().positive().default(1000).describe('Events, or items, of one call.'),
    })
    .prefault({}),
  heartbeat: z
    .strictObject({
      everyMs: ms(0).describe(
        'From one heartbeat to the next, sent by `feedloop watch` to every partition through the whole loop, under a policy of its own (`heartbeat`, with a partition of `models`); 0: none, and no such policy.',
      ),
    })
    .prefault({}),
  tracing: z
    .strictObject({
      endpoint: plainUrl(
        "Where spans go: a collector's OTLP over HTTP, `http://collector:4318/v1/traces`. None: no tracing, at no cost.",
      ).optional(),
      tokenFile: z.string().min(1).optional().describe('File that holds a bearer token for it.'),
      ratio: z
        .number()
        .min(0)
        .max(1)
        .default(1)
        .describe('Share of calls that are traced; of one that comes with a `traceparent` its caller has decided.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least severe line that is logged.'),
    })
    .prefault({}),
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

/** Checks a whole configuration. @throws FeedloopError CONFIG_INVALID listing every problem, one a line */
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

function crossChecks(config: Config): string[] {
  const problems: string[] = []
  const names = config.policies.map(each => each.name)
  if (new Set(names).size < names.length) problems.push('policies: names must be unique')
  if (config.heartbeat.everyMs > 0 && names.includes(HEARTBEAT))
    problems.push(`policies: ${HEARTBEAT} is the name of the heartbeats' own`)
  for (const each of config.policies)
    if (each.correctionWindowMs < each.attributionWindowMs)
      problems.push(`policies.${each.name}: correctionWindowMs is shorter than attributionWindowMs`)
  for (const each of config.policies)
    for (const topic of ['recommendations', 'events', 'transitions'] as const)
      if (each.correctionWindowMs > retentionMs(config, topic))
        problems.push(
          `policies.${each.name}: correctionWindowMs is longer than the retention of ${topic}, from which open joins are rebuilt; raise topics.retentionHours to ${Math.ceil(each.correctionWindowMs / hour)}`,
        )
  for (const each of config.policies)
    if (each.correctionWindowMs < each.backwardWindowMs)
      problems.push(`policies.${each.name}: correctionWindowMs is shorter than backwardWindowMs`)
  for (const { name, algorithm, explorer } of config.policies) {
    const need = explorerNeeds[explorer.name]
    if (!(algorithms[algorithm].offers as readonly Need[]).includes(need))
      problems.push(`policies.${name}: explorer ${explorer.name} needs ${needText[need]}, which ${algorithm} has not`)
  }
  for (const { name, algorithm, slateQ: own, rewards } of config.policies)
    if (algorithm === 'slate-q' && !own.choices.some(type => Object.hasOwn(rewards, type)))
      problems.push(
        `policies.${name}: slateQ.choices: none of ${own.choices.join(', ')} is among its rewards, so nothing would ever be taken`,
      )
  for (const { name, constraints } of config.policies)
    for (const type of constraints.excludeSeen?.types ?? [])
      if (!Object.hasOwn(config.state.typeWeights, type))
        problems.push(`policies.${name}: excludeSeen: ${type} is not in state.typeWeights, so no history holds it`)
  for (const { name, algorithm, weighing } of config.policies)
    if (weighing.delays || weighing.positions) {
      if (algorithm !== 'linear-gaussian')
        problems.push(
          `policies.${name}: weighing is for linear-gaussian, whose statistics are sums; not for ${algorithm}`,
        )
      if (config.state.blocks.includes('numbers'))
        problems.push(`policies.${name}: weighing and the \`numbers\` block of the state do not go together yet`)
    }
  const { timeoutMs, maxTimeoutMs, defer, unlogged } = config.gateway
  if (timeoutMs > maxTimeoutMs) problems.push('gateway.timeoutMs is longer than gateway.maxTimeoutMs')
  if (unlogged === 'baseline' && !defer)
    problems.push(
      'gateway.unlogged: an append in doubt may be decided later, and would be learned as shown; it needs gateway.defer',
    )
  if (config.features.encoder === 'onnx' && !config.features.onnx.folder)
    problems.push('features.onnx.folder is needed')
  if (config.features.encoder === 'endpoint' && !config.features.endpoint.url)
    problems.push('features.endpoint.url is needed')
  return problems
}

const needText: Readonly<Record<Need, string>> = {
  scores: 'scores',
  rewards: 'expected rewards',
  posterior: 'a posterior',
  members: 'several models',
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
