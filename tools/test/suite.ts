/** Runs one suite (a file of node:test) or one command in a process of its own, with a time limit. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Failure {
  readonly name: string
  readonly error: string
}

export interface Outcome {
  readonly name: string
  readonly seconds: number
  readonly passed: number
  readonly failures: readonly Failure[]
  readonly skipped: readonly string[]
  /** What it printed: shown beside its failures. */
  readonly output: string
}

interface SuiteOptions {
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  /** The whole file is killed after this long. */
  readonly limitMs?: number
}

interface Finished {
  readonly code: number | null
  readonly output: string
  readonly seconds: number
  readonly timedOut: boolean
}

/** A line of tools/test/events.mjs. */
interface TestEvent {
  readonly passed: boolean
  readonly name: string
  readonly nesting: number
  readonly suite: boolean
  readonly skipped: boolean | string
  readonly error?: string
  readonly cause?: string
}

export async function runCommand(
  name: string,
  command: string,
  args: readonly string[],
  root: string,
): Promise<Outcome> {
  const end = await finish(command, args, { root, env: { ...process.env, NO_COLOR: '1' } })
  const ok = end.code === 0
  const failures = ok ? [] : [{ name, error: end.timedOut ? 'killed: did not end in time' : `code ${end.code}` }]
  return { name, seconds: end.seconds, passed: ok ? 1 : 0, failures, skipped: [], output: end.output }
}

export async function runSuite(file: string, options: SuiteOptions): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-test-'))
  const events = join(folder, 'events')
  const reporter = new URL('events.mjs', import.meta.url).href
  try {
    const args = [`--test-reporter=${reporter}`, `--test-reporter-destination=${events}`, join(options.root, file)]
    // Set when the runner itself runs in a test: it would turn the reporter off.
    const { NODE_TEST_CONTEXT: _, ...env } = options.env
    const end = await finish(process.execPath, args, { ...options, env })
    return judge(file, existsSync(events) ? readEvents(events) : [], end)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A file passes only when it ran tests, none failed, and the process ended by itself with code 0. */
function judge(file: string, events: readonly TestEvent[], end: Finished): Outcome {
  const tests = events.filter(event => !event.suite)
  const failures: Failure[] = events
    .filter(event => !event.passed && event.cause !== 'subtestsFailed')
    .map(event => ({ name: `${file}: ${event.name}`, error: event.error ?? '' }))
  const wrong = end.timedOut
    ? `did not end in time (${end.seconds.toFixed(0)} s); killed`
    : tests.length === 0
      ? 'ran no test'
      : end.code !== 0 && failures.length === 0
        ? `ended with code ${end.code}`
        : undefined
  if (wrong) failures.push({ name: file, error: wrong })
  return {
    name: file,
    seconds: end.seconds,
    passed: tests.filter(event => event.passed && !event.skipped).length,
    failures,
    skipped: tests.filter(event => event.skipped).map(event => `${file}: ${event.name} (${event.skipped})`),
    output: end.output,
  }
}

/** A killed process may leave half a line. */
const readEvents = (file: string): TestEvent[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as TestEvent)

const keptOutput = 200_000

function finish(command: string, args: readonly string[], options: SuiteOptions): Promise<Finished> {
  const began = performance.now()
  const { promise, resolve } = Promise.withResolvers<Finished>()
  const child = spawn(command, args, {
    cwd: options.root,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  let timedOut = false
  const keep = (chunk: Buffer) => {
    output = (output + chunk).slice(-keptOutput)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const killGroup = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {} // gone already
  }
  const timer = setTimeout(
    () => {
      timedOut = true
      killGroup()
    },
    options.limitMs ?? 5 * 60_000,
  )
  const done = (code: number | null, problem = '') => {
    clearTimeout(timer)
    process.off('exit', killGroup)
    resolve({ code, output: output + problem, seconds: (performance.now() - began) / 1000, timedOut })
  }
  process.on('exit', killGroup)
  child.on('error', error => done(null, String(error)))
  child.on('close', code => done(code))
  return promise
}
