/**
 * The machines of a run: processes that own output partitions and run the real stages' tasks on them. A process crashes
 * at whatever it waits for, freezes and wakes as a zombie, or loses a partition and hears of it late; so a partition may
 * have two owners for a while, and has at least one when the trouble is over.
 */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { FeedloopError, isCode } from '../errors.ts'
import type { StepHeader } from '../log/chain/header.ts'
import type { Rim } from '../log/chain/rim.ts'
import { type ChainRules, chainRules } from '../log/chain/rules.ts'
import type { Sea } from '../log/chain/simulation/log.ts'
import { openSimulatedLog } from '../log/chain/simulation/log.ts'
import { createProcess, type Process, type World } from '../log/chain/simulation/world.ts'
import { startTask, type Task } from '../log/chain/task.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { Meter } from '../metrics.ts'
import type { TopicName } from '../pipeline.ts'
import { type SnapshotOptions, withSnapshots } from '../ranker/snapshots.ts'
import { createDisk, type DiskMaker, type SimulatedDisk } from './disk.ts'
import {
  type Crash,
  type Freeze,
  type Give,
  type Lose,
  type MemberName,
  members,
  PARTITIONS,
  type Unit,
  units,
} from './plan.ts'
import { type AnyStage, catalogue, followReleases, type Keeps, type StageKind, wiring } from './stages.ts'

/** A step that its writer took for accepted. */
export interface Believed {
  readonly topic: TopicName
  readonly partition: number
  readonly base: number
  readonly id: string
}

export interface MachinesOptions {
  readonly sea: Sea
  readonly wire: Wire
  readonly config: Config
  readonly epochMs: number
  readonly rules?: ChainRules
  /** Replaces a stage: tests that break one on purpose. */
  readonly stage?: (stage: AnyStage) => AnyStage
  readonly disk?: DiskMaker
  readonly savingOf?: SnapshotOptions['savingOf']
  /** Do rankers have disks? */
  readonly rankersDisks: boolean
  /** A ranker's state came from snapshots. */
  readonly restored: () => void
  /** The machines' own disks take nothing now. */
  readonly diskFull: () => boolean
  readonly believed: (step: Believed) => void
  /** A task ended with an error, which nothing that is simulated excuses. */
  readonly died: (who: string, error: unknown) => void
}

export interface Machines {
  crash(one: Crash): void
  freeze(one: Freeze): void
  give(one: Give): void
  lose(one: Lose): void
}

interface Member {
  readonly name: MemberName
  readonly kind: StageKind
  process: Process
  readonly tasks: Map<Unit, Task>
  lends: (() => unknown) | undefined
}

const silent = { warn() {}, info() {}, error() {}, debug() {} } as unknown as Logger
const noMeter = { add() {}, set() {}, observe() {} } as unknown as Meter
const bounds = { intervalMs: 4, maxRecords: 8, maxBytes: 65_536, progressMs: 40, idleMs: 60 }
const pace = { pauseMs: 6, floorMs: 12, lookMs: 20, retryMs: 12 }
/** A learner's step is a whole publishing interval. */
const learnersBounds = { ...bounds, intervalMs: 30, maxRecords: 1000 }

export function startMachines(options: MachinesOptions): Machines {
  const { sea, config, epochMs } = options
  const { world } = sea
  let processes = 0
  const owners = new Map<Unit, MemberName>()
  const all = new Map<MemberName, Member>()
  const disks = new Map<string, SimulatedDisk>()

  const begin = (member: Member, unit: Unit): void => {
    if (member.tasks.has(unit) || !member.process.alive) return
    const { process } = member
    const partition = Number(unit.split('/')[1])
    const { output, inputs, stage, wire } = wiring[member.kind]
    const made = stage(config, keepsOf(member, unit))
    const task = startTask({
      log: openSimulatedLog(sea, process),
      wire: wire(options.wire),
      meter: noMeter,
      logger: silent,
      stage: options.stage?.(made) ?? made,
      prefix: '',
      inputs: inputs(partition),
      output: { topic: output, partition },
      partitions: PARTITIONS,
      view: () => member.lends!(),
      now: () => nowOf(world, epochMs),
      rim: rimOf(world, process, epochMs),
      rules: options.rules ?? chainRules,
      step: member.kind === 'learner' ? learnersBounds : bounds,
      accepted: ({ baseOffset, header }: { baseOffset: number; header: StepHeader }) =>
        options.believed({ topic: output, partition, base: baseOffset, id: header.id }),
    })
    member.tasks.set(unit, task)
    task.done.catch((error: unknown) => {
      if (!process.alive) return
      if (isCode(error, 'STATE_WRITE_FAILED')) return end(member, RESTART_MS)
      world.trace(`${process.name} ends with ${String(error)}`)
      options.died(`${process.name} on ${unit}`, error)
    })
  }
  const keepsOf = (member: Member, unit: Unit): Keeps => {
    if (member.kind !== 'ranker') return { disk: diskOf(member, unit) }
    return { ...(options.rankersDisks && { disk: diskOf(member, unit) }), snapshots: snapshotsOf(member) }
  }
  const snapshotsOf =
    ({ process }: Member): NonNullable<Keeps['snapshots']> =>
    async (store, partition, signal) => {
      const { wire, rules = chainRules, savingOf } = options
      const io = { log: openSimulatedLog(sea, process), rim: rimOf(world, process, epochMs), rules, signal }
      const saved = { io, wire, config, meter: noMeter, logger: silent, partition, pace, ...(savingOf && { savingOf }) }
      const kept = await withSnapshots(saved, store)
      if (!store.openedAt && kept.openedAt) options.restored()
      return kept
    }
  /** A machine keeps its disk when its process dies. */
  const diskOf = ({ name }: Member, unit: Unit): SimulatedDisk => {
    const place = placeOf(name, unit)
    if (!disks.has(place))
      disks.set(place, fallible((options.disk ?? createDisk)(world, place), place, options.diskFull))
    return disks.get(place)!
  }
  const boot = (member: Member): void => {
    member.process = createProcess(world, `${member.name}#${++processes}`)
    member.tasks.clear()
    member.lends = lender(member, options)
    world.trace(`${member.process.name} starts`)
    for (const unit of units) if (owners.get(unit) === member.name) begin(member, unit)
  }
  const end = (member: Member, backMs: number): void => {
    world.trace(`${member.process.name} ends, and is back in ${backMs} ms`)
    member.process.crash()
    world.after(backMs, () => boot(member))
  }
  for (const unit of units) owners.set(unit, `${unit.split('/')[0]}-${unit.endsWith('1') ? 'b' : 'a'}` as MemberName)
  for (const name of members) {
    const member: Member = {
      name,
      kind: name.split('-')[0] as StageKind,
      process: createProcess(world, name),
      tasks: new Map(),
      lends: undefined,
    }
    all.set(name, member)
    boot(member)
  }
  const crash = ({ member: name, backMs }: Crash | Lose): void => {
    const member = all.get(name)!
    if (member.process.alive) end(member, backMs)
  }
  return {
    crash,
    lose(one) {
      crash(one)
      for (const unit of units) disks.get(placeOf(one.member, unit))?.lose()
    },
    freeze({ member: name, forMs }) {
      const { process } = all.get(name)!
      world.trace(`${process.name} freezes for ${forMs} ms`)
      process.freeze(forMs)
    },
    give({ unit, to, lateMs }) {
      const from = owners.get(unit)!
      if (from === to) return
      owners.set(unit, to)
      world.trace(`${unit} goes from ${from} to ${to}, who hears of it at once, ${from} after ${lateMs} ms`)
      begin(all.get(to)!, unit)
      world.after(lateMs, () => {
        const old = all.get(from)!
        if (owners.get(unit) === from) return
        old.tasks
          .get(unit)
          ?.stop()
          .catch(() => {})
        old.tasks.delete(unit)
      })
    },
  }
}

const RESTART_MS = 20
const placeOf = (name: MemberName, unit: Unit): string => `${name}'s disk of ${unit}`

/** A disk that may be full: then the state's owner ends, and what it had is what was written before. */
const fallible = (disk: SimulatedDisk, place: string, isFull: () => boolean): SimulatedDisk => ({
  ...disk,
  open(empty) {
    const store = disk.open(empty)
    return {
      ...store,
      commit(point) {
        if (isFull()) throw new FeedloopError('STATE_WRITE_FAILED', `${place} is full`)
        store.commit(point)
      },
    }
  },
})

function lender(member: Member, options: MachinesOptions): () => unknown {
  const { sea, wire, config, epochMs } = options
  if (member.kind === 'learner') return () => ({ features: catalogue, caughtUp: true })
  if (member.kind !== 'ranker') return () => undefined
  const { process } = member
  const io = {
    log: openSimulatedLog(sea, process),
    rim: rimOf(sea.world, process, epochMs),
    rules: options.rules ?? chainRules,
  }
  const { serving } = followReleases(io, wire, config, error => options.died(`${process.name}'s broadcast`, error))
  return () => ({ features: catalogue, catalogueReady: true, serving })
}

const nowOf = (world: World, epochMs: number): number => epochMs + Math.floor(world.nowMs)

const rimOf = (world: World, process: Process, epochMs: number): Rim => ({
  now: () => nowOf(world, epochMs),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return process.deliver(0, resolve)
      signal?.addEventListener('abort', () => process.deliver(0, resolve), { once: true })
      process.deliver(ms, resolve)
    }),
  randomId: () =>
    Array.from({ length: 2 }, () =>
      world
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join(''),
})
