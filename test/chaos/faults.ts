/**
 * What goes wrong during a run, at random by a seed: services are killed or stopped past their session and woken again,
 * brokers are killed or stopped (one at a time, so that two of three remain), lines are cut or lose their answers.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, type Random } from '../../src/state/random.ts'
import type { BrokerNode, Cluster } from './cluster.ts'
import type { Fleet } from './fleet.ts'

export const faultKinds = [
  'kill-service',
  'pause-service',
  'kill-broker',
  'pause-broker',
  'cut-line',
  'deaf-line',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  readonly kind: FaultKind
  readonly target: string
  readonly atMs: number
  readonly forMs: number
  /** It did what it says: a process died or slept by the signal, connections were cut, answers swallowed. */
  happened: boolean
  over: boolean
}

export interface FaultOptions {
  readonly fleet: Fleet
  readonly cluster: Cluster
  readonly seed: number
  readonly seconds: number
  readonly say: (line: string) => void
}

/** How often, of all faults. */
const weights: Readonly<Record<FaultKind, number>> = {
  'kill-service': 6,
  'pause-service': 3,
  'kill-broker': 2,
  'pause-broker': 1,
  'cut-line': 3,
  'deaf-line': 3,
}
const MAX_PAUSED = 2

/** Runs for the given time, each kind once first, then waits until every fault is over. */
export async function runFaults(options: FaultOptions): Promise<Fault[]> {
  const { fleet, cluster, seconds, say } = options
  const random = createRandom(options.seed)
  const between = (from: number, to: number): number => Math.round(from + random.uniform() * (to - from))
  const any = <T>(list: readonly T[]): T | undefined => list[Math.floor(random.uniform() * list.length)]
  const done: Fault[] = []
  const going = new Set<Promise<void>>()
  const lines = new Set<BrokerNode>()
  let broker: BrokerNode | null = null
  const startedMs = Date.now()

  /** @param work says whether it happened */
  const go = (kind: FaultKind, target: string, forMs: number, work: () => Promise<boolean>): void => {
    const atMs = Date.now() - startedMs
    const fault: Fault = { kind, target, atMs, forMs, happened: false, over: false }
    done.push(fault)
    say(`${(atMs / 1000).toFixed(0).padStart(4)} s ${kind} ${target}${forMs > 0 ? ` ${forMs} ms` : ''}`)
    const watched = work()
      .then(happened => {
        fault.happened = happened
      })
      .finally(() => {
        fault.over = true
        going.delete(watched)
      })
    going.add(watched)
    watched.catch(() => {})
  }
  const onBroker = (kind: FaultKind, node: BrokerNode, ms: number): void => {
    broker = node
    go(kind, `broker ${node.id}`, ms, async () => {
      const happened = kind === 'kill-broker' ? await node.kill() : node.pause()
      await sleep(ms)
      if (kind === 'kill-broker') await node.start()
      else node.resume()
      broker = null
      return happened
    })
  }
  const onLine = (kind: FaultKind, node: BrokerNode, ms: number): void => {
    lines.add(node)
    const before = { ...node.line.harm }
    go(kind, `line ${node.id}`, ms, async () => {
      if (kind === 'deaf-line') {
        await node.line.set('deaf')
        await sleep(ms)
      }
      // What a deaf line swallowed never comes: the clients must hear of its end.
      await node.line.set('closed')
      await sleep(kind === 'deaf-line' ? 50 : ms)
      await node.line.set('open')
      lines.delete(node)
      const { cut, swallowed } = node.line.harm
      return kind === 'deaf-line' ? swallowed > before.swallowed : cut > before.cut
    })
  }
  const act: Readonly<Record<FaultKind, () => void>> = {
    'kill-service': () => {
      const service = any(fleet.services.filter(({ paused }) => !paused))
      if (service === undefined) return
      go('kill-service', service.stage, 0, () => fleet.kill(service))
    },
    'pause-service': () => {
      const able = fleet.services.filter(({ paused, stage }) => !paused && stage !== 'features')
      const service = able.length < fleet.services.length - MAX_PAUSED ? undefined : any(able)
      if (service === undefined) return
      const ms = between(11_000, 15_000)
      go('pause-service', service.stage, ms, () => fleet.pause(service, ms))
    },
    'kill-broker': () => void (broker ?? onBroker('kill-broker', any(cluster.nodes)!, between(500, 4000))),
    'pause-broker': () => void (broker ?? onBroker('pause-broker', any(cluster.nodes)!, between(1000, 6000))),
    'cut-line': () => {
      const node = any(cluster.nodes.filter(each => !lines.has(each)))
      if (node) onLine('cut-line', node, between(100, 3000))
    },
    'deaf-line': () => {
      const node = any(cluster.nodes.filter(each => !lines.has(each)))
      if (node) onLine('deaf-line', node, between(100, 1500))
    },
  }
  while (Date.now() - startedMs < seconds * 1000) {
    await sleep(between(500, 3500))
    const missing = faultKinds.filter(kind => !done.some(each => each.kind === kind && (each.happened || !each.over)))
    act[any(missing) ?? pick(random)]()
  }
  await Promise.all(going)
  return done
}

function pick(random: Random): FaultKind {
  let place = random.uniform() * faultKinds.reduce((sum, kind) => sum + weights[kind], 0)
  for (const kind of faultKinds) {
    place -= weights[kind]
    if (place < 0) return kind
  }
  return 'kill-service'
}
