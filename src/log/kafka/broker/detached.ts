/**
 * A broker that outlives its starter: `feedloop broker start | status | stop`. One a user; a state file holds its process,
 * port and data folder. A process is ours only if its command line names that folder: a process id alone may belong to
 * somebody else by now, and nothing that is not ours is ever stopped.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pino, { type Logger } from 'pino'
import { FeedloopError } from '../../../errors.ts'
import { brokerFiles } from './jars.ts'
import { brokerProperties, freePorts, javaFlags, writeProperties } from './local.ts'
import { isAlive, runProgram } from './program.ts'
import { untilReady } from './ready.ts'

const STOP_MS = 20_000
const POLL_MS = 50

interface State {
  readonly pid: number
  readonly brokers: readonly string[]
  readonly folder: string
}

export interface BrokerStatus {
  readonly running: boolean
  readonly brokers?: readonly string[]
  readonly pid?: number
  /** Data, properties and output of the broker. */
  readonly folder?: string
}

const stateFile = () =>
  join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'feedloop', 'broker.json')

/** Starts the broker; when it runs already, says where.
 * @throws FeedloopError BUS_UNAVAILABLE without Java 17 or Maven, or when it does not come up */
export async function brokerStart(logger: Logger = pino({ level: 'silent' })): Promise<BrokerStatus> {
  const before = await brokerStatus()
  if (before.running) return before
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
  const state: State = { pid: child.pid ?? 0, brokers: [`127.0.0.1:${port}`], folder }
  saveState(state)
  try {
    await untilReady(state.brokers, ended, logger)
  } catch (error) {
    await brokerStop()
    throw error
  } finally {
    closeSync(output)
  }
  child.unref()
  return { running: true, ...state }
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
  if (running) await end(state)
  if (isBrokerFolder(state.folder)) rmSync(state.folder, { recursive: true, force: true })
  rmSync(stateFile(), { force: true })
  return running ? { running: false, ...state } : { running: false }
}

async function end(state: State): Promise<void> {
  process.kill(state.pid, 'SIGTERM')
  const giveUpAt = Date.now() + STOP_MS
  while (isAlive(state.pid) && (await isOurs(state))) {
    if (Date.now() > giveUpAt) throw new FeedloopError('DEADLINE_EXCEEDED', `broker ${state.pid} has not ended`)
    await pause(POLL_MS)
  }
}

async function isOurs({ pid, folder }: State): Promise<boolean> {
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
    return Number.isSafeInteger(state.pid) && typeof state.folder === 'string' ? state : undefined
  } catch {
    return undefined
  }
}
