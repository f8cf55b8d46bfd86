/**
 * One run of one contestant. It is timed from the last look before its output grew to the look at which it stopped
 * growing, so neither its start (a JVM's is long) nor our way of noticing its end counts. It is over when its group has
 * committed the end of every input.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { FeedloopError } from '../../src/errors.ts'
import type { Log } from '../../src/log/log.ts'
import { cpuMsOf, peakMiBOf } from './process.ts'

const LOOK_EVERY_MS = 200
const ASK_EVERY_MS = 500

export interface Run {
  readonly recordsPerSecond: number
  /** User and system time of the process a record, µs. */
  readonly cpuMicros: number
  /** The broker's, while this ran; NaN when it is no child of ours. */
  readonly brokerCpuMicros: number
  readonly peakRssMiB: number
  readonly seconds: number
  /** The longest time in which the output did not grow, s. */
  readonly longestPause: number
  /** Growth of the output's offsets: records, and a transaction's markers. */
  readonly outputOffsets: number
}

export interface Subject {
  readonly child: ChildProcess
  readonly group: string
  readonly inputs: readonly string[]
  readonly output: string
  readonly partitions: number
  readonly records: number
  readonly tail: () => string
}

interface Look {
  readonly atMs: number
  readonly end: number
  readonly cpuMs: number
  readonly brokerCpuMs: number
}

/** @throws FeedloopError DEADLINE_EXCEEDED, or Error when the process ends by itself */
export async function measure(log: Log, subject: Subject, broker: number | undefined, limitMs: number): Promise<Run> {
  const { child } = subject
  const look = async (): Promise<Look> => ({
    end: await endOf(log, subject.output, subject.partitions),
    atMs: performance.now(),
    cpuMs: cpuMsOf(child.pid!),
    brokerCpuMs: broker === undefined ? Number.NaN : cpuMsOf(broker),
  })
  let begun = await look()
  const empty = begun.end
  let last = begun
  let longestPauseMs = 0
  const deadline = begun.atMs + limitMs
  for (let askMs = 0; ; await sleep(LOOK_EVERY_MS)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`ended with ${child.exitCode ?? child.signalCode}:\n${subject.tail()}`)
    const now = await look()
    if (now.atMs > deadline) throw new FeedloopError('DEADLINE_EXCEEDED', subject.tail())
    if (now.end === empty) begun = now
    if (now.end > last.end) {
      if (last !== begun) longestPauseMs = Math.max(longestPauseMs, now.atMs - last.atMs)
      last = now
    } else if (now.end > empty && now.atMs - askMs > ASK_EVERY_MS) {
      if (await isThrough(log, subject)) break
      askMs = now.atMs
    }
  }
  const { records } = subject
  const seconds = (last.atMs - begun.atMs) / 1000
  return {
    recordsPerSecond: records / seconds,
    cpuMicros: ((last.cpuMs - begun.cpuMs) * 1000) / records,
    brokerCpuMicros: ((last.brokerCpuMs - begun.brokerCpuMs) * 1000) / records,
    peakRssMiB: peakMiBOf(child.pid!),
    seconds,
    longestPause: longestPauseMs / 1000,
    outputOffsets: last.end - empty,
  }
}

async function endOf(log: Log, topic: string, partitions: number): Promise<number> {
  const ends = await Promise.all(Array.from({ length: partitions }, (_, partition) => log.ends(topic, partition)))
  return ends.reduce((sum, { latest }) => sum + latest, 0)
}

async function isThrough(log: Log, { group, inputs, partitions }: Subject): Promise<boolean> {
  for (const topic of inputs) {
    const committed = (await log.committed(group, topic)).reduce((sum, { offset }) => sum + offset, 0)
    if (committed < (await endOf(log, topic, partitions))) return false
  }
  return true
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(force)
}
