/**
 * A broker that outlives its starter: `feedloop broker start | status | stop`. One a user; a state file holds where it is:
 * its container, or its process and data folder. A process is ours only if its command line names that folder: a process
 * id alone may belong to somebody else by now, and nothing that is not ours is ever stopped.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pino, { type Logger } from 'pino'
import { FeedloopError } from '../../../errors.ts'
import { openKafkaLog } from '../kafka.ts'
import { containerRuns, startDockerBroker, stopContainer } from './docker.ts'
import { brokerFiles } from './jars.ts'
import { brokerProperties, freePorts, javaFlags, writeProperties } from './local.ts'
import { isAlive, runProgram } from './program.ts'
import { untilReady } from './ready.ts'
import { namedBrokers, startFirst } from './ways.ts'

const STOP_MS = 20_000
const POLL_MS = 50

interface ProcessPlace {
  readonly brokers: readonly string[]
  readonly pid: number
  /** Data, properties and output of the broker. */
  readonly folder: string
}
interface ContainerPlace {
  readonly brokers: readonly string[]
  readonly container: string
}
type Place = ProcessPlace | ContainerPlace
/** `because`: which way it was started, and why so. */
type State = Place & { readonly because: string }

export interface BrokerStatus extends Partial<ProcessPlace & ContainerPlace> {
  readonly running: boolean
  /** It ran before it was asked to start. */
  readonly already?: true
  readonly because?: string
}

const inContainer = (state: Place): state is ContainerPlace => 'container' in state

const stateFile = () =>
  join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'feedloop', 'broker.json')

/** Starts the broker in a container, or where there is no Docker engine with Java; when it runs already, or is named by
 * KAFKA_BROKERS, says where.
 * @throws FeedloopError BUS_UNAVAILABLE with what was tried, LOG_UNAVAILABLE when brokers that are named don't answer */
export async function brokerStart(logger: Logger = pino({ level: 'silent' })): Promise<BrokerStatus> {
  const named = namedBrokers()
  if (named) {
    await (await openKafkaLog({ brokers: named, clientId: 'feedloop', logger })).close()
    return { running: true, already: true, brokers: named, because: 'from KAFKA_BROKERS' }
  }
  const before = await brokerStatus()
  if (before.running) return { ...before, already: true }
  const { started, because } = await startFirst<Place>({
    docker: () => startInContainer(logger),
    java: () => startProcess(logger),
  })
  const state = { ...started, because }
  saveState(state)
  return { running: true, ...state }
}

async function startInContainer(logger: Logger): Promise<ContainerPlace> {
  const { brokers, container } = await startDockerBroker({ logger, outlives: true })
  return { brokers, container }
}

async function startProcess(logger: Logger): Promise<ProcessPlace> {
  const files = await brokerFiles()
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-broker-'))
  const [port, controllerPort] = await freePorts(2)
  const properties = writeProperties(folder, brokerProperties({ port, controllerPort, folder }))
  const output = openSync(join(folder, 'output.log'), 'a')
  const child = spawn(files.java, [...javaFlags(files), 'Broker', properties], {
    detached: true,
    stdio: ['ignore', output, output],
  })
  const ended = new Promise<string>(resolve => {
    child.on('error', error => resolve(error.message))
    child.on('exit', code => resolve(`the broker ended with ${code}: ${lastOutput(folder)}`))
  })
  const state = { pid: child.pid ?? 0, brokers: [`127.0.0.1:${port}`], folder }
  // a starter that is killed now leaves a broker that `stop` can find
  saveState({ ...state, because: 'coming up' })
  try {
    await untilReady(state.brokers, ended, logger)
  } catch (error) {
    await brokerStop()
    throw error
  } finally {
    closeSync(output)
  }
  child.unref()
  return state
}

/** Where the broker runs, if it does. */
export async function brokerStatus(): Promise<BrokerStatus> {
  const state = readState()
  return state && (await isOurs(state)) ? { running: true, ...state } : { running: false }
}

/** Stops the broker and removes its data.
 * @returns what it was before
 * @throws FeedloopError DEADLINE_EXCEEDED when it does not end */
export async function brokerStop(): Promise<BrokerStatus> {
  const state = readState()
  if (!state) return { running: false }
  const running = await isOurs(state)
  if (inContainer(state)) await stopContainer(state.container)
  else {
    if (running) await end(state)
    if (isBrokerFolder(state.folder)) rmSync(state.folder, { recursive: true, force: true })
  }
  rmSync(stateFile(), { force: true })
  return running ? { ...state, running: false } : { running: false }
}

async function end(state: ProcessPlace): Promise<void> {
  process.kill(state.pid, 'SIGTERM')
  const giveUpAt = Date.now() + STOP_MS
  while (isAlive(state.pid) && (await isOurs(state))) {
    if (Date.now() > giveUpAt) throw new FeedloopError('DEADLINE_EXCEEDED', `broker ${state.pid} has not ended`)
    await pause(POLL_MS)
  }
}

async function isOurs(state: Place): Promise<boolean> {
  if (inContainer(state)) return (await containerRuns(state.container)) === true
  const { pid, folder } = state
  return isAlive(pid) && (await commandLine(pid).catch(() => '')).includes(join(folder, 'broker.properties'))
}

/** Empty for a process that has ended but was not yet taken off the list. */
async function commandLine(pid: number): Promise<string> {
  if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  return (await runProgram('ps', ['-ww', '-o', 'args=', '-p', String(pid)], 'ps')).output
}

function lastOutput(folder: string): string {
  const file = join(folder, 'output.log')
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-2000) : ''
}

/** A damaged state file must not make us remove another folder. */
const isBrokerFolder = (folder: string): boolean => existsSync(join(folder, 'broker.properties'))

function saveState(state: State): void {
  mkdirSync(dirname(stateFile()), { recursive: true })
  writeFileSync(stateFile(), JSON.stringify(state))
}

function readState(): State | undefined {
  try {
    const state = JSON.parse(readFileSync(stateFile(), 'utf8')) as State
    if (inContainer(state)) return typeof state.container === 'string' ? state : undefined
    return Number.isSafeInteger(state.pid) && typeof state.folder === 'string' ? state : undefined
  } catch {
    return undefined
  }
}
