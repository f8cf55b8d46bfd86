/** Tasks that are fed, stopped and killed, of whichever stage: what suites of states on disk do to them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTask } from '../../src/log/chain/task.ts'
import type { StageState } from '../../src/stage.ts'

interface Fed<S extends StageState, V> {
  readonly options: Parameters<typeof startTask<S, V>>[0]
  append(count: number): Promise<unknown>
}

/** Takes what is appended, ten records at a time, and stops well. */
export async function work<S extends StageState, V>(world: Fed<S, V>, appends: number, pauseMs = 5, restMs = 100) {
  const task = startTask(world.options)
  await task.ready
  for (let i = 0; i < appends; i++) {
    await world.append(10)
    await sleep(pauseMs)
  }
  await sleep(restMs)
  await task.stop()
}

/** Appends and works until it is killed: all that a child process does. */
export async function workOn<S extends StageState, V>(world: Fed<S, V>): Promise<never> {
  const task = startTask(world.options)
  await task.ready
  process.stdout.write('ready\n')
  for (;;) {
    await world.append(10)
    await sleep(1)
  }
}

export interface Kills {
  readonly times: number
  /** Each comes within so many ms after the child's first word. */
  readonly withinMs: number
  /** After every so many kills what is left is looked at. */
  readonly every: number
}

/** Starts a child and kills it, again and again. */
export async function killAtAnyPoint(
  args: readonly string[],
  { times, withinMs, every }: Kills,
  look: () => Promise<void>,
) {
  for (let kill = 1; kill <= times; kill++) {
    const running = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(running.stdout, 'data')
    await sleep(Math.random() * withinMs)
    running.kill('SIGKILL')
    await once(running, 'exit')
    if (kill % every === 0) await look()
  }
}
