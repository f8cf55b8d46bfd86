/**
 * What must be true of a finished run. The accepted batches are found by a plain loop over the whole log; then
 * - ranker and joiner, run again alone over what their steps say, come to the same bytes (replay.ts);
 * - what a ranker would recover from snapshots is what all accepted steps make of people (restored.ts);
 * - no request is decided twice, and the audit balances: each request decided, each outcome with its fate, sums over
 *   revisions as of the batch join;
 * - each model's count of transitions is exact, each was judged by the gate at most once, and the newest model holds the
 *   sums of a batch fit (fit.ts);
 * - nobody believed accepted what was not.
 */
import type { ModelVersion, Recommendation, Release } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { audit } from '../evaluation/audit.ts'
import { decode } from '../log/chain/codec.ts'
import type { SimulatedPartition } from '../log/chain/simulation/log.ts'
import { type AcceptedInLog, viewChain } from '../log/chain/simulation/oracle.ts'
import type { TaskInput } from '../log/chain/task.ts'
import type { LogRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { createPolicyLoader } from '../models/load.ts'
import type { Policy } from '../models/policy.ts'
import { type TopicName, topics } from '../pipeline.ts'
import type { Input } from '../stage.ts'
import { fitDiffers } from './fit.ts'
import type { Believed } from './members.ts'
import { PARTITIONS } from './plan.ts'
import { replay } from './replay.ts'
import { restoresOtherwise } from './restored.ts'
import { catalogue, logged, wiring } from './stages.ts'
import { stillLog } from './still.ts'

export interface Finished {
  readonly config: Config
  readonly wire: Wire
  readonly find: (topic: TopicName, partition: number) => SimulatedPartition
  readonly partitionCount: (topic: string) => number
  readonly believed: readonly Believed[]
  /** A partition's state came of its last floor: that one is not void, torn or absent. */
  readonly fromFloor: () => void
}

/** @returns the first thing that is wrong; null: nothing */
export async function judge(run: Finished): Promise<string | null> {
  const chains = chainsOf(run)
  const models = await valuesOf<ModelVersion>(run, { topic: 'models', partition: 0 }, chains)
  return (
    liesOf(run.believed, chains) ??
    (await decidedTwice(run, chains)) ??
    (await replays(run, chains, models)) ??
    (await restoresOtherwise(run)) ??
    (await unbalanced(run)) ??
    (await miscounted(run, chains, models))
  )
}

type Chains = (at: TaskInput) => readonly AcceptedInLog[]

function chainsOf({ find }: Finished): Chains {
  const views = new Map<string, readonly AcceptedInLog[]>()
  return ({ topic, partition }) => {
    const name = `${topic}/${partition}`
    if (!views.has(name)) views.set(name, viewChain(find(topic, partition)).accepted())
    return views.get(name)!
  }
}

const outputsOf = (chain: readonly AcceptedInLog[]): LogRecord[] =>
  chain.flatMap(({ header, records }) => (header.outputs === 0 ? [] : records))

const recordsOf = ({ find }: Finished, chains: Chains, at: TaskInput): LogRecord[] =>
  topics[at.topic].chained
    ? outputsOf(chains(at))
    : find(at.topic, at.partition).batches.flatMap(batch => batch.records)

const inputsOf = async (run: Finished, at: TaskInput, chains: Chains): Promise<Input[]> =>
  (await decode({} as never, run.wire, at, recordsOf(run, chains, at))).inputs

const valuesOf = async <T>(run: Finished, at: TaskInput, chains: Chains): Promise<T[]> =>
  (await inputsOf(run, at, chains)).map(({ value }) => value as T)

function liesOf(believed: readonly Believed[], chains: Chains): string | null {
  const lie = believed.find(one => !chains(one).some(({ base, header }) => base === one.base && header.id === one.id))
  return lie ? `${lie.topic}/${lie.partition}@${lie.base} was believed accepted` : null
}

/** The audit lets it pass that the joiner refuses the second decision. Here a request may be decided again only when its
 * id was older than the ids that are remembered. */
async function decidedTwice(run: Finished, chains: Chains): Promise<string | null> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const decisions = await valuesOf<Recommendation>(run, { topic: 'recommendations', partition }, chains)
    const decidedMs = new Map<string, number>()
    for (const { decision_id, decision_time_ms } of decisions) {
      const sinceMs = decision_time_ms - (decidedMs.get(decision_id) ?? Number.NEGATIVE_INFINITY)
      if (sinceMs < run.config.limits.requestDedupMs) return `request ${decision_id} was decided twice`
      decidedMs.set(decision_id, decision_time_ms)
    }
  }
  return null
}

async function replays(run: Finished, chains: Chains, models: readonly ModelVersion[]): Promise<string | null> {
  const policies = loaded(run.config, models)
  const views = {
    joiner: () => undefined,
    ranker: (batch: AcceptedInLog) => rankersView(run, batch, policies),
  }
  for (const kind of ['ranker', 'joiner'] as const)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const { inputs, output, stage, wire } = wiring[kind]
      const at = { topic: output, partition }
      const difference = await replay({
        stage: stage(run.config),
        wire: wire(run.wire),
        inputs: inputs(partition),
        output: at,
        chain: chains(at),
        records: input => recordsOf(run, chains, input),
        view: views[kind],
      })
      if (difference !== null) return difference
    }
  return null
}

function loaded(config: Config, models: readonly ModelVersion[]): ReadonlyMap<string, Policy> {
  const loader = createPolicyLoader(config.policies[0]!)
  return new Map(models.map(model => [model.version, loader.load(model)]))
}

/** What served when the batch was decided is in the batch. */
function rankersView({ wire }: Finished, batch: AcceptedInLog, policies: ReadonlyMap<string, Policy>) {
  const [first] = batch.header.outputs === 0 ? [] : batch.records
  const decision =
    first &&
    (wire.decode('recommendations', first.value!) as Pick<Recommendation, 'model_version' | 'release_version' | 'mode'>)
  const served = {
    policy: (decision && policies.get(decision.model_version)) ?? null,
    releaseVersion: decision?.release_version ?? '',
    mode: decision?.mode ?? 'online',
    evidence: {},
  }
  return { features: catalogue, catalogueReady: true, serving: () => served }
}

async function unbalanced({ config, wire, find, partitionCount }: Finished): Promise<string | null> {
  const log = stillLog((topic, partition) => find(topic as TopicName, partition), partitionCount)
  const { differences, decisions, requests } = await audit({ log, wire, config, prefix: '' })
  // What is decided anew because its id was forgotten may come out the same, and then nothing refuses it.
  const wrong = differences.filter(({ what }) => what !== 'decided_twice')
  if (wrong.length > 0) return `the audit: ${JSON.stringify(wrong[0])}, ${wrong.length} in all`
  if (requests.pending > 0) return `the audit: ${requests.pending} requests undecided`
  const { total, ...fates } = decisions
  const sum = Object.values(fates).reduce((all, count) => all + count, 0)
  return sum === total ? null : `the audit: ${total} decisions, ${sum} fates`
}

async function miscounted(run: Finished, chains: Chains, models: readonly ModelVersion[]): Promise<string | null> {
  const transitions: Input[] = []
  for (let partition = 0; partition < PARTITIONS; partition++)
    transitions.push(...(await inputsOf(run, { topic: 'transitions', partition }, chains)))
  for (const model of models) {
    const below = transitions.filter(({ partition, offset }) =>
      model.contains.some(each => each.partition === partition && offset < each.next),
    ).length
    if (model.warm_start !== logged.digest) return `model ${model.version} does not name the log it started from`
    if (below !== model.transitions)
      return `model ${model.version} counts ${model.transitions} transitions, holds ${below}`
  }
  const all = models.at(-1)?.transitions ?? 0
  if (all !== transitions.length) return `${all} of ${transitions.length} transitions are learned`
  const releases = await valuesOf<Release>(run, { topic: 'releases', partition: 0 }, chains)
  return released(releases, models) ?? fitDiffers(run.config, models, transitions)
}

function released(releases: readonly Release[], models: readonly ModelVersion[]): string | null {
  const known = new Set(['', ...models.map(({ version }) => version)])
  const judged = new Set<unknown>()
  for (const [index, { release_version, shares, evidence }] of releases.entries()) {
    if (Number(release_version) !== index + 1) return `release ${release_version} is the ${index + 1}th`
    if (!shares.every(share => known.has(share.model_version)))
      return `release ${release_version} serves what nobody made`
    if (judged.has(evidence.version)) return `model ${evidence.version} was judged twice`
    judged.add(evidence.version)
  }
  return null
}
