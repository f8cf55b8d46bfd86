/**
 * One real Kafka for all suites of a run: found or started by a process of its own (broker-process.ts), so that it goes
 * away with the runner however the runner ends.
 */
import { fork } from 'node:child_process'
import { join } from 'node:path'

export interface TestBroker {
  /** For KAFKA_BROKERS; undefined when there is none, with the reason. */
  readonly brokers?: string
  readonly place?: string
  readonly reason?: string
  stop(): Promise<void>
}

export type Answer = { readonly brokers: string; readonly place: string } | { readonly reason: string }

/** A first start may fetch the broker's jars. */
const startLimitMs = 5 * 60_000

export async function startBroker(root: string): Promise<TestBroker> {
  const child = fork(join(root, 'tools', 'test', 'broker-process.ts'), { cwd: root, stdio: ['ignore', 2, 2, 'ipc'] })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const answer = await new Promise<Answer>(resolve => {
    const timer = setTimeout(() => resolve({ reason: `no broker after ${startLimitMs / 1000} s` }), startLimitMs)
    const settle = (value: Answer) => {
      clearTimeout(timer)
      resolve(value)
    }
    child.once('message', message => settle(message as Answer))
    child.once('exit', code => settle({ reason: `the broker's process ended with code ${code}` }))
    child.once('error', error => settle({ reason: String(error) }))
  })
  const stop = async () => {
    if (child.connected) child.disconnect()
    await exited
  }
  return { ...answer, stop }
}
