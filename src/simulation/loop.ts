/**
 * The whole loop in a simulated world: ranker, joiner, learner and gate with their real stages and the real chain, on a
 * log, a network and machines that do all that they may, and people who ask and act. One seed is one exact history.
 * After the trouble everything must come to its end; then judge.ts says what is wrong, if anything is.
 */
import type { Recommendation } from '../../schemas/records.ts'
import { type Config, parseConfig } from '../config.ts'
import type { ChainRules } from '../log/chain/rules.ts'
import { createPartition, noTrouble, type Sea, type SimulatedPartition } from '../log/chain/simulation/log.ts'
import { type ChainView, viewChain } from '../log/chain/simulation/oracle.ts'
import { createWorld, type World } from '../log/chain/simulation/world.ts'
import { parseDeadLetter } from '../log/deadletters.ts'
import type { Wire } from '../log/wire/wire.ts'
import { type TopicName, topics } from '../pipeline.ts'
import { compact } from './compaction.ts'
import { judge } from './judge.ts'
import { type Believed, type MachinesOptions, startMachines } from './members.ts'
import { type People, startPeople } from './people.ts'
import { EPOCH_MS, type Full, PARTITIONS, type Plan, planOf, TROUBLED_MS } from './plan.ts'

export interface LoopOptions {
  readonly wire: Wire
  readonly trace?: (line: string) => void
  /** Replace a rule, a stage, or what is appended: tests that break one on purpose. */
  readonly rules?: ChainRules
  readonly stage?: MachinesOptions['stage']
  readonly disk?: MachinesOptions['disk']
  readonly savingOf?: MachinesOptions['savingOf']
  readonly tamper?: Sea['tamper']
}

export interface LoopResult {
  readonly plan: Plan
  /** What is wrong; null: nothing. */
  readonly fault: string | null
  readonly virtualMs: number
  readonly events: number
  readonly decisions: number
  readonly transitions: number
  readonly models: number
  /** Batches that readers skip. */
  readonly skipped: number
  /** Outcomes past correction. */
  readonly orphans: number
  /** Requests that were decided again, when their ids were forgotten. */
  readonly again: number
  /** Ranker states that came from snapshots. */
  readonly restored: number
  /** Partitions whose last floor the judge recovered from. */
  readonly floors: number
}

/** After the last record windows of 80 ms, gaps of 150 ms and idle inputs must have passed. */
const SETTLE_MS = 400
const GIVE_UP_MS = 8000
const MAX_EVENTS = 150_000
const LOOK_MS = 20

export const simulateLoop = (seed: number, options: LoopOptions): Promise<LoopResult> => runPlan(planOf(seed), options)

export async function runPlan(plan: Plan, options: LoopOptions): Promise<LoopResult> {
  const { wire } = options
  const config = configOf(plan)
  const world = createWorld(plan.seed, options.trace ?? (() => {}))
  const { find, all } = createPartitions()
  const full = new Map<string, number>()
  const isFull = (name: string): boolean => world.nowMs < (full.get(name) ?? 0)
  const trouble = troubleOf(plan)
  const tear = tearing(world, plan)
  const { tamper = (_, records) => records } = options
  let [restored, floors] = [0, 0]
  const sea: Sea = {
    world,
    find: (topic, partition) => all.get(`${topic}/${partition}`),
    partitionCount,
    trouble: () => (world.nowMs > TROUBLED_MS ? noTrouble : trouble),
    full: ({ topic }) => isFull(topic),
    tamper: (topic, records) => tear(topic, tamper(topic, records)),
  }
  const believed: Believed[] = []
  let fault: string | null = null
  const machines = startMachines({
    sea,
    wire,
    config,
    epochMs: EPOCH_MS,
    diskFull: () => isFull('machines'),
    ...(options.rules && { rules: options.rules }),
    ...(options.stage && { stage: options.stage }),
    ...(options.disk && { disk: options.disk }),
    ...(options.savingOf && { savingOf: options.savingOf }),
    rankersDisks: plan.snapshots.disks,
    restored: () => void restored++,
    believed: step => void believed.push(step),
    died: (who, error) => {
      fault ??= `${who}: ${error instanceof Error ? error.message : String(error)}`
    },
  })
  const people = startPeople({ world, wire, find, acts: plan.acts, epochMs: EPOCH_MS })
  const fill = ({ topic, forMs }: Full): void => {
    world.trace(`the disk of ${topic} is full for ${forMs} ms`)
    full.set(topic, world.nowMs + forMs)
  }
  for (const act of plan.acts) {
    if (act.act === 'crash') world.after(act.atMs, () => machines.crash(act))
    if (act.act === 'freeze') world.after(act.atMs, () => machines.freeze(act))
    if (act.act === 'give') world.after(act.atMs, () => machines.give(act))
    if (act.act === 'full') world.after(act.atMs, () => fill(act))
    if (act.act === 'lose') world.after(act.atMs, () => machines.lose(act))
    if (act.act === 'compact') world.after(act.atMs, () => compactAll())
  }
  const compactAll = (): void => {
    world.trace('snapshots are compacted')
    for (let partition = 0; partition < PARTITIONS; partition++) compact(find('snapshots', partition), wire)
  }
  const views = viewsOf(find)
  let lookMs = TROUBLED_MS
  let finished = false
  const done = (): boolean => {
    if (fault !== null || world.nowMs > GIVE_UP_MS) return true
    if (world.nowMs < lookMs) return false
    lookMs = world.nowMs + LOOK_MS
    finished = people.quiet && world.nowMs > people.lastMs + SETTLE_MS && isThrough(views, find)
    return finished
  }
  const events = await world.run(done, MAX_EVENTS)
  if (fault === null && !finished) fault = `not finished after ${events} events: ${whereOf(views, find, people)}`
  fault ??= await judgeSafely({ config, wire, find, partitionCount, believed, fromFloor: () => void floors++ })
  return {
    plan,
    fault,
    virtualMs: world.nowMs,
    events,
    ...countsOf(views, all),
    again: decidedAgain(views, wire),
    restored,
    floors,
  }
}

const judgeSafely = (run: Parameters<typeof judge>[0]): Promise<string | null> =>
  judge(run).catch((error: unknown) => `the oracle could not judge: ${String((error as Error).stack)}`)

function configOf(plan: Plan): Config {
  return parseConfig({
    topics: { prefix: '', partitions: PARTITIONS },
    limits: { requestDedupMs: plan.requestDedupMs, futureSkewMs: 10_000 },
    state: {
      snapshotMs: plan.snapshots.afterMs,
      historyLength: 4,
      blocks: ['history', 'context'],
      contextDimensions: 2,
    },
    features: { dimensions: 2 },
    policies: [plan.policy],
    shedding: plan.shedding,
    learner: { fullEvery: 3 },
  })
}

function troubleOf({ trouble: p }: Plan) {
  return { lostAck: p, late: p, lost: p, repeated: p, unavailable: p / 3 }
}

/** A floor whose bytes are not what was appended: it counts as nothing, and what it would have said is void. */
const tearing =
  (world: World, { snapshots: { torn } }: Plan): NonNullable<Sea['tamper']> =>
  (topic, records) =>
    topic === 'snapshots' && records[0]!.key?.length === 0 && world.nowMs < TROUBLED_MS && world.chance(torn)
      ? records.map(record => ({ ...record, value: Buffer.from('torn') }))
      : records

const partitionCount = (topic: string): number => (topics[topic as TopicName].partitions === 'users' ? PARTITIONS : 1)

function createPartitions() {
  const all = new Map<string, SimulatedPartition>()
  for (const topic of Object.keys(topics))
    for (let partition = 0; partition < partitionCount(topic); partition++)
      all.set(`${topic}/${partition}`, createPartition(topic, partition))
  const find = (topic: TopicName, partition: number): SimulatedPartition => all.get(`${topic}/${partition}`)!
  return { find, all }
}

type Find = ReturnType<typeof createPartitions>['find']
type Views = Readonly<Record<'recommendations' | 'transitions', readonly ChainView[]>> & {
  readonly models: ChainView
  readonly releases: ChainView
}

function viewsOf(find: Find): Views {
  const of = (topic: TopicName): ChainView[] =>
    Array.from({ length: PARTITIONS }, (_, partition) => viewChain(find(topic, partition)))
  return {
    recommendations: of('recommendations'),
    transitions: of('transitions'),
    models: viewChain(find('models', 0)),
    releases: viewChain(find('releases', 0)),
  }
}

const positionIn = (view: ChainView, topic: TopicName, partition: number): number =>
  view
    .accepted()
    .at(-1)
    ?.header.inputs.find(each => each.topic === topic && each.partition === partition)?.next ?? 0

/** After the last accepted output. */
function outputEnd(view: ChainView): number {
  const last = view.accepted().findLast(({ header }) => header.outputs > 0)
  return last ? last.base + last.records.length : 0
}

/** Per stage and partition: does its chain cover all that came in? */
function through(views: Views, find: Find): [string, boolean][] {
  const checks: [string, boolean][] = []
  for (let p = 0; p < PARTITIONS; p++) {
    const [ranker, joiner] = [views.recommendations[p]!, views.transitions[p]!]
    checks.push([`ranker requests/${p}`, positionIn(ranker, 'requests', p) >= find('requests', p).latest])
    checks.push([`ranker events/${p}`, positionIn(ranker, 'events', p) >= find('events', p).latest])
    checks.push([`joiner events/${p}`, positionIn(joiner, 'events', p) >= find('events', p).latest])
    checks.push([`joiner recommendations/${p}`, positionIn(joiner, 'recommendations', p) >= outputEnd(ranker)])
    checks.push([`learner transitions/${p}`, positionIn(views.models, 'transitions', p) >= outputEnd(joiner)])
  }
  return checks
}

const isThrough = (views: Views, find: Find): boolean => through(views, find).every(([, is]) => is)

const whereOf = (views: Views, find: Find, people: People): string =>
  [...through(views, find), ['people', people.quiet] as const].flatMap(([name, is]) => (is ? [] : [name])).join(', ')

function countsOf(views: Views, all: ReadonlyMap<string, SimulatedPartition>) {
  const chains = [...views.recommendations, ...views.transitions, views.models, views.releases]
  const outputs = (some: readonly ChainView[]): number =>
    some.reduce((sum, view) => sum + view.accepted().reduce((n, { header }) => n + header.outputs, 0), 0)
  const stored = [...all.values()].reduce(
    (sum, { topic, batches }) => sum + (topics[topic as TopicName].chained ? batches.length : 0),
    0,
  )
  return {
    decisions: outputs(views.recommendations),
    transitions: outputs(views.transitions),
    models: outputs([views.models]),
    skipped: stored - chains.reduce((sum, view) => sum + view.accepted().length, 0),
    orphans: orphansOf(all.get('dead-letters/0')!),
  }
}

/** A step that lost its race may have buried one before. */
const orphansOf = ({ batches }: SimulatedPartition): number =>
  new Set(
    batches
      .flatMap(({ records }) => records.map(parseDeadLetter))
      .flatMap(letter => (letter?.code === 'OUTCOME_ORPHAN' ? [letter.id] : [])),
  ).size

function decidedAgain({ recommendations }: Views, wire: Wire): number {
  const decisions = recommendations
    .flatMap(view => view.accepted())
    .flatMap(({ header, records }) => (header.outputs === 0 ? [] : records))
  const ids = decisions.map(({ value }) => (wire.decode('recommendations', value!) as Recommendation).decision_id)
  return ids.length - new Set(ids).size
}
