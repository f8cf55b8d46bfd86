/** The services of a run as processes: killed, stopped and woken on purpose, and started again when one ends by itself,
 * as a supervisor would. What ends by itself is remembered with its last words. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, endChild, startChild } from '../../src/operate/children.ts'
import type { StageName } from '../../src/pipeline.ts'

export interface Service {
  readonly stage: StageName
  readonly index: number
  child: Child
  paused: boolean
}

/** A service that ended although nobody ended it. */
export interface Ended {
  readonly stage: StageName
  readonly code: number | null
  readonly words: string
}

export interface Fleet {
  readonly services: readonly Service[]
  readonly ended: readonly Ended[]
  /** kill -9, and a new one. False when it had ended by itself. */
  kill(service: Service): Promise<boolean>
  /** SIGSTOP for a while: long enough, and its group goes on without it, and it wakes as a zombie. False
   * when there was none to wake. */
  pause(service: Service, ms: number): Promise<boolean>
  ready(timeoutMs: number): Promise<void>
  /** How each stands: its tasks, its lags, its last words. For when something does not end. */
  state(): Promise<string>
  stop(): Promise<void>
}

const RESTART_MS = 300
/** Of its metrics, or the reason why it has none. */
const SHOWN =
  /^(feedloop_(tasks|lag_records|steps_total|records_consumed_total|commit_failures_total|rebalances_total)\{|\w*Error)/

/** @param configFile of the n-th service: each has local state of its own, which outlives its process */
export function startFleet(
  stages: readonly StageName[],
  configFile: (index: number) => string,
  env: NodeJS.ProcessEnv,
): Fleet {
  const ended: Ended[] = []
  let stopping = false
  const start = (stage: StageName, index: number): Child => startChild(stage, configFile(index), env)
  /** Starts a service anew whenever its process ends by itself. */
  const supervise = async (service: Service): Promise<void> => {
    const { child, stage } = service
    await once(child.process, 'exit')
    if (stopping || service.child !== child) return
    const words = child.tail().split('\n').slice(-3).join('\n')
    ended.push({ stage, code: child.process.exitCode, words })
    await sleep(RESTART_MS)
    if (!stopping) begin(service)
  }
  const begin = (service: Service): void => {
    service.child = start(service.stage, service.index)
    void supervise(service)
  }
  const services = stages.map((stage, index): Service => ({ stage, index, child: start(stage, index), paused: false }))
  for (const service of services) void supervise(service)
  const wake = (service: Service): void => {
    service.paused = false
    service.child.process.kill('SIGCONT')
  }
  return {
    services,
    ended,
    async kill(service) {
      const old = service.child
      service.child = start(service.stage, service.index)
      void supervise(service)
      await endChild(old, 'SIGKILL')
      return old.process.signalCode === 'SIGKILL'
    },
    async pause(service, ms) {
      const { process } = service.child
      service.paused = true
      const stopped = process.kill('SIGSTOP')
      await sleep(ms)
      const sleeps = process.exitCode === null && process.signalCode === null
      wake(service)
      return stopped && sleeps
    },
    async ready(timeoutMs) {
      const deadline = Date.now() + timeoutMs
      for (const service of services)
        for (;;) {
          const { child } = service
          try {
            await child.ready(Math.max(1, deadline - Date.now()))
            break
          } catch (error) {
            // One that was started anew meanwhile has the rest of the time.
            if (Date.now() > deadline || (service.child === child && child.process.exitCode === null)) throw error
            await sleep(RESTART_MS)
          }
        }
    },
    async state() {
      const states = services.map(async ({ stage, index, child }) => {
        const shown = (await child.metrics()).split('\n').filter(line => SHOWN.test(line))
        return [`${stage} ${index}, pid ${child.process.pid}`, ...shown, child.tail()].join('\n')
      })
      return (await Promise.all(states)).join('\n\n')
    },
    async stop() {
      stopping = true
      for (const service of services) wake(service)
      await Promise.all(services.map(({ child }) => endChild(child, 'SIGTERM')))
    },
  }
}
