/** The processes of a catalogue: the ranker as in production, the echo, a gateway before either, and the generator. */
import { type ChildProcess, fork } from 'node:child_process'
import { on, once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { Recommendation } from '../../schemas/records.ts'
import { type Child, endChild, NODE_FLAGS, startChild } from '../../src/operate/children.ts'
import { end } from '../join/measure.ts'
import { cpuMsOf } from '../join/process.ts'
import type { Load, Seen } from './generate.ts'
import { settingsOf } from './world.ts'

export type Name = 'ranker' | 'echo'

export interface Contestant {
  readonly name: Name
  /** Configuration file, for whoever asks at its topics. */
  readonly config: string
  /** 0: nobody asks over HTTP. */
  readonly gatewayPort: number
  /** Processes by what they do. */
  readonly pids: { readonly decides: number; readonly gateway?: number }
  stop(): Promise<void>
}

const READY_MS = 180_000

export interface Place {
  readonly brokers: readonly string[]
  readonly folder: string
  /** Somebody will ask over HTTP: a gateway reads along whatever the ranker decides, which costs those who ask Kafka their cores. */
  readonly gateways: boolean
}

/** @param prefix of its topics, which exist and are filled @param canned for the echo */
export async function startContestant(
  { brokers, folder, gateways }: Place,
  name: Name,
  prefix: string,
  canned: Readonly<Record<number, Recommendation>>,
): Promise<Contestant> {
  const config = join(folder, `${prefix}yaml`)
  writeFileSync(config, stringify({ ...settingsOf(prefix), kafka: { brokers } }))
  const environment = { ...process.env, NODE_OPTIONS: process.env.FEEDLOOP_BENCH_NODE }
  const decides = name === 'ranker' ? startStage('ranker', config, environment) : startEcho(config, canned, prefix)
  const gateway = gateways ? startStage('gateway', config, process.env) : undefined
  await Promise.all([decides, gateway].map(child => child?.ready(READY_MS)))
  return {
    name,
    config,
    gatewayPort: gateway ? Number(/"gatewayPort":(\d+)/.exec(gateway.tail())![1]) : 0,
    pids: { decides: decides.process.pid!, gateway: gateway?.process.pid },
    async stop() {
      await Promise.all([gateway && endChild(gateway, 'SIGTERM'), end(decides.process)])
    },
  }
}

function startStage(...given: Parameters<typeof startChild>): Child {
  const child = startChild(...given)
  endWithUs(child.process)
  return child
}

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

function startEcho(config: string, canned: Readonly<Record<number, Recommendation>>, prefix: string) {
  const decisions = `${config}-${prefix}json`
  writeFileSync(decisions, JSON.stringify(canned))
  const child = forkWithUs('echo.ts', [config, decisions], NODE_FLAGS)
  const ready = once(child, 'message')
  return { process: child, ready: async () => void (await Promise.race([ready, ended(child)])) }
}

function forkWithUs(file: string, args: readonly string[] = [], flags: readonly string[] = []): ChildProcess {
  return endWithUs(
    fork(fileOf(file), args, {
      env: { ...process.env, FEEDLOOP_LOG_LEVEL: 'warn' },
      execArgv: [...process.execArgv, ...flags],
    }),
  )
}

/** Whoever interrupts the benchmark must not leave a process behind that looks for its broker for ever. */
function endWithUs(child: ChildProcess): ChildProcess {
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}

const ended = async (child: ChildProcess): Promise<never> => {
  const code = await new Promise(resolve => child.once('exit', resolve))
  throw new Error(`a process of the benchmark ended with ${code}`)
}

/** CPU of processes while a load was asked for, ms. */
export type Cpu = Readonly<Record<'decides' | 'gateway' | 'generator' | 'broker', number>>

export interface Generator {
  /** @param during is called when the measured seconds begin, and its end awaited */
  run(
    contestant: Contestant,
    load: Omit<Load, 'config' | 'port'>,
    during?: () => Promise<unknown>,
  ): Promise<{ readonly seen: Seen; readonly cpu: Cpu }>
  stop(): Promise<void>
}

/** It looks through its heap before each run: of its own it would do so several times a run, with a core that whoever answers meanwhile has not. */
const GENERATOR_FLAGS = [...NODE_FLAGS, '--expose-gc', '--heap-growing-percent=400']

/** @param broker its process, where it is a child of this one */
export function startGenerator(broker: number | undefined): Generator {
  const child = forkWithUs('generate.ts', [], GENERATOR_FLAGS)
  const gone = ended(child)
  gone.catch(() => {})
  const messages = on(child, 'message')
  const heard = <T>(): Promise<T> => Promise.race([messages.next().then(({ value }) => value![0] as T), gone])
  return {
    async run({ config, gatewayPort: port, pids }, load, during) {
      const used = (): Cpu => ({
        decides: cpuMsOf(pids.decides),
        gateway: pids.gateway === undefined ? 0 : cpuMsOf(pids.gateway),
        generator: cpuMsOf(child.pid!),
        broker: broker === undefined ? Number.NaN : cpuMsOf(broker),
      })
      child.send({ ...load, config, port } satisfies Load)
      await heard<'started'>()
      const before = used()
      const beside = during?.()
      await heard<'over'>()
      const after = used()
      const seen = await heard<Seen>()
      await beside
      await sleep(200)
      const cpu = Object.fromEntries(Object.entries(after).map(([key, ms]) => [key, ms - before[key as keyof Cpu]]))
      return { seen, cpu: cpu as Cpu }
    },
    stop: () => end(child),
  }
}
