/** The processes of a simulation: each runs one task until it crashes, or follows one chain as a plain consumer does. */
import type { Logger } from 'pino'
import { isCode } from '../../../errors.ts'
import type { Meter } from '../../../metrics.ts'
import type { Stage } from '../../../stage.ts'
import type { Log } from '../../log.ts'
import { openFeed } from '../feed.ts'
import type { Rim } from '../rim.ts'
import type { ChainRules } from '../rules.ts'
import type { TaskInput, TaskOptions } from '../task.ts'
import { startTask } from '../task.ts'
import type { Sea } from './log.ts'
import { openSimulatedLog } from './log.ts'
import { troubledMs } from './plan.ts'
import { jsonWire } from './stages.ts'
import type { Process, World } from './world.ts'
import { createProcess } from './world.ts'

// biome-ignore lint/suspicious/noExplicitAny: the stages share nothing but the contract
export type AnyStage = Stage<any, any>

/** A task that runs at all times, whatever becomes of its process. */
export interface Slot {
  readonly name: string
  readonly stage: AnyStage
  readonly inputs: readonly TaskInput[]
  readonly output: TaskInput
}

/** A batch of a chain. */
export interface Known {
  readonly topic: string
  readonly offset: number
  readonly id: string
}

/** A step that its writer believed accepted, and the batches that its positions name. */
export interface Believed extends Known {
  readonly inputs: readonly Known[]
}

export interface Member {
  readonly process: Process
  /** The topic that its task writes; null for a follower. */
  readonly writes: string | null
  /** What it took as accepted: a task its own steps and what their positions name, a follower all it was given. */
  readonly known: Known[]
  /** It stopped with an error. */
  ended: boolean
}

export interface MembersOptions {
  readonly sea: Sea
  readonly rules: ChainRules
  readonly step: TaskOptions<never, never>['step']
  /** Replaces what a process sees of the log. */
  readonly log?: (log: Log) => Log
  readonly died: (name: string, error: unknown) => void
}

export interface Members {
  readonly all: readonly Member[]
  readonly believed: readonly Believed[]
  run(slot: Slot): void
  follow(topic: string): void
  /** Nothing reaches any process for at least `ms`. */
  freeze(ms: number): void
}

const silent = { warn() {}, info() {}, error() {}, debug() {} } as unknown as Logger
const noMeter = { add() {}, set() {}, observe() {} } as unknown as Meter
const goesOn = (member: Member): boolean => member.process.alive && !member.ended
/** After these a process is started once more, and then people are asked. */
const isForPeople = (error: unknown): boolean =>
  isCode(error, 'CHAIN_IDENTITY_LOST') || isCode(error, 'PARTITION_COUNT_CHANGED')

export function createMembers({ sea, rules, step, log, died }: MembersOptions): Members {
  const { world } = sea
  const all: Member[] = []
  const believed: Believed[] = []
  const askedFor = new Set<string>()
  const calm = (): boolean => world.nowMs > troubledMs

  const enrol = (name: string, writes: string | null): Member => {
    const member: Member = {
      process: createProcess(world, `${name}#${all.length + 1}`),
      writes,
      known: [],
      ended: false,
    }
    all.push(member)
    world.trace(`${member.process.name} starts`)
    return member
  }
  const openLog = (process: Process): Log => {
    const simulated = openSimulatedLog(sea, process)
    return log?.(simulated) ?? simulated
  }
  const end = (member: Member, error: unknown): void => {
    member.ended = true
    world.trace(`${member.process.name} died: ${String(error)}`)
    died(member.process.name, error)
  }
  const run = (slot: Slot): void => {
    const member = enrol(slot.name, slot.output.topic)
    const { process } = member
    const again = (): void => world.after(5 + world.below(30), () => run(slot))
    const task = startTask({
      ...slot,
      log: openLog(process),
      wire: jsonWire,
      meter: noMeter,
      logger: silent,
      prefix: '',
      view: () => ({ draw: () => 1 + world.below(1000) }),
      now: () => Math.floor(world.nowMs),
      rim: rimOf(world, process),
      rules,
      step,
      accepted({ baseOffset, header }) {
        const inputs = header.inputs.flatMap(({ topic, head }) => (head ? [{ topic, ...head }] : []))
        const own = { topic: slot.output.topic, offset: baseOffset, id: header.id, inputs }
        believed.push(own)
        member.known.push(own, ...inputs)
      },
    })
    task.done.catch((error: unknown) => {
      end(member, error)
      if (isForPeople(error) && askedFor.has(slot.name)) return
      if (isForPeople(error)) askedFor.add(slot.name)
      again()
    })
    disturb(process, again)
  }
  /** Once in a while a process crashes at whatever it waits for, or freezes. */
  const disturb = (process: Process, again: () => void): void => {
    world.after(10 + 250 * world.random(), () => {
      if (calm() || !process.alive) return
      if (world.chance(0.5)) {
        world.trace(`${process.name} freezes`)
        process.freeze(20 + 250 * world.random())
        return disturb(process, again)
      }
      world.trace(`${process.name} crashes`)
      process.crash()
      again()
    })
  }
  const follow = (topic: string): void => {
    const member = enrol(`${topic}-follower`, null)
    const io = { log: openLog(member.process), rim: rimOf(world, member.process), rules }
    const read = async (): Promise<never> => {
      const feed = await openFeed(io, { topic, partition: 0 }, null)
      for (;;)
        for (const { head } of await feed.poll({ waitMs: 250 }))
          member.known.push({ topic, offset: head.offset, id: head.id })
    }
    read().catch((error: unknown) => end(member, error))
  }
  return {
    all,
    believed,
    run,
    follow,
    freeze(ms) {
      for (const member of all.filter(goesOn)) member.process.freeze(ms * (1 + 0.3 * world.random()))
    },
  }
}

const rimOf = (world: World, process: Process): Rim => ({
  now: () => Math.floor(world.nowMs),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) return process.deliver(0, resolve)
      signal?.addEventListener('abort', () => process.deliver(0, resolve), { once: true })
      process.deliver(ms, resolve)
    }),
  randomId: () =>
    (world.below(2 ** 32).toString(16) + world.below(2 ** 32).toString(16)).padStart(16, '0').slice(0, 16),
})

/** Goes on although it took a batch as accepted that was lost, and could know: a task looks in time, and a follower is
 * given what the log says at that place now, if it says anything that decides.
 * @param writes only who writes to this topic; null: anyone */
export function unaware(
  members: Members,
  isLost: (known: Known) => boolean,
  { decided, writes }: { decided: (known: Known) => boolean; writes: string | null },
): Member | undefined {
  return members.all.find(
    member =>
      goesOn(member) &&
      (writes === null || member.writes === writes) &&
      member.known.some(known => isLost(known) && (member.writes !== null || decided(known))),
  )
}

/** A task that goes on; one that writes to `topic`. */
export const running = (members: Members, topic?: string): Member | undefined =>
  members.all.find(member => member.writes !== null && (topic ?? member.writes) === member.writes && goesOn(member))
