/** Stages as child processes, one each, as in production: for chaos runs and for tests of the real services. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FeedloopError } from '../errors.ts'
import type { StageName } from '../pipeline.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/**
 * How Node is started for a stage, here and in the image (deploy/Dockerfile): one thread beside the main one for what V8 does on the side (garbage, compilation), and not four. On two
 * cores four of them stand in the way of whoever is to answer.
 */
export const NODE_FLAGS = ['--v8-pool-size=1']

const METRICS_MS = 5000

export interface Child {
  readonly stage: StageName
  readonly process: ChildProcess
  /** Its last lines on stderr: what to show when it failed. */
  readonly tail: () => string
  /** What it shows of itself now; the reason why not, where it does not answer. */
  metrics(): Promise<string>
  /** Resolves when /readyz answers 200. @throws FeedloopError DEADLINE_EXCEEDED, or when the process ended before */
  ready(timeoutMs: number): Promise<void>
}

export function startChild(stage: StageName, configFile: string, environment: NodeJS.ProcessEnv): Child {
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'run', stage, '--config', configFile], {
    env: { ...environment, FEEDLOOP_HTTP_PORT: '0', FEEDLOOP_GATEWAY_PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const lines: string[] = []
  let port = 0
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    lines.push(...text.trim().split('\n'))
    lines.splice(0, lines.length - 40)
    port ||= Number(/"port":(\d+)/.exec(text)?.[1] ?? 0)
  })
  const tail = (): string => lines.join('\n')
  return {
    stage,
    process: child,
    tail,
    metrics: () =>
      fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(METRICS_MS) })
        .then(response => response.text())
        .catch(String),
    async ready(timeoutMs) {
      const deadline = Date.now() + timeoutMs
      while (!(port > 0 && (await answers(port)))) {
        if (child.exitCode !== null) throw new Error(`${stage} ended with ${child.exitCode}:\n${tail()}`)
        if (Date.now() > deadline) throw new FeedloopError('DEADLINE_EXCEEDED', `${stage} is not ready:\n${tail()}`)
        await sleep(100)
      }
    },
  }
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    response => response.ok,
    () => false,
  )

/** Ends a child by `signal` and waits until it is gone. Returns its exit code, null when a signal ended it. */
export async function endChild({ process: child }: Child, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
  return child.exitCode
}
