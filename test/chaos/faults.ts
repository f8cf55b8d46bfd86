/**
 * What goes wrong during a run, at random by a seed: services are killed or stopped past their session and woken again,
 * brokers are killed or stopped (one at a time, so that two of three remain), lines are cut or lose their answers.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom, type Random } from '../../src/state/random.ts'
import type { BrokerNode, Cluster } from './cluster.ts'
import type { Fleet } from './fleet.ts'

export type FaultKind = 'kill-service' | 'pause-service' | 'kill-broker' | 'pause-broker' | 'cut-line' | 'deaf-line'

export interface Fault {
  readonly kind: FaultKind
  readonly target: string
  readonly atMs: number
  readonly forMs: number
}

export interface FaultOptions {
  readonly fleet: Fleet
  readonly cluster: Cluster
  readonly seed: number
  readonly seconds: number
  readonly say: (line: string) => void
}

/** How often, of all faults. */
const kinds: readonly (readonly [FaultKind, number])[] = [
  ['kill-service', 6],
  ['pause-service', 3],
  ['kill-broker', 2],
  ['pause-broker', 1],
  ['cut-line', 3],
  ['deaf-line', 3],
]
const MAX_PAUSED = 2

/** Runs for the given time, then waits until every fault is over. */
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

  const note = (kind: FaultKind, target: string, forMs: number): void => {
    done.push({ kind, target, atMs: Date.now() - startedMs, forMs })
    say(
      `${((Date.now() - startedMs) / 1000).toFixed(0).padStart(4)} s ${kind} ${target}${forMs > 0 ? ` ${forMs} ms` : ''}`,
    )
  }
  const go = (work: Promise<void>): void => {
    const watched = work.finally(() => going.delete(watched))
    going.add(watched)
    watched.catch(() => {})
  }
  const onBroker = async (kind: FaultKind, node: BrokerNode, ms: number): Promise<void> => {
    broker = node
    note(kind, `broker ${node.id}`, ms)
    if (kind === 'kill-broker') await node.kill()
    else node.pause()
    await sleep(ms)
    if (kind === 'kill-broker') await node.start()
    else node.resume()
    broker = null
  }
  const onLine = async (kind: FaultKind, node: BrokerNode, ms: number): Promise<void> => {
    lines.add(node)
    note(kind, `line ${node.id}`, ms)
    if (kind === 'deaf-line') {
      await node.line.set('deaf')
      await sleep(ms)
    }
    // What a deaf line swallowed never comes: the clients must hear of its end.
    await node.line.set('closed')
    await sleep(kind === 'deaf-line' ? 50 : ms)
    await node.line.set('open')
    lines.delete(node)
  }
  const act: Readonly<Record<FaultKind, () => void>> = {
    'kill-service': () => {
      const service = any(fleet.services.filter(({ paused }) => !paused))
      if (service === undefined) return
      note('kill-service', service.stage, 0)
      go(fleet.kill(service))
    },
    'pause-service': () => {
      const able = fleet.services.filter(({ paused, stage }) => !paused && stage !== 'features')
      const service = able.length < fleet.services.length - MAX_PAUSED ? undefined : any(able)
      if (service === undefined) return
      const ms = between(11_000, 15_000)
      note('pause-service', service.stage, ms)
      go(fleet.pause(service, ms))
    },
    'kill-broker': () => void (broker ?? go(onBroker('kill-broker', any(cluster.nodes)!, between(500, 4000)))),
    'pause-broker': () => void (broker ?? go(onBroker('pause-broker', any(cluster.nodes)!, between(1000, 6000)))),
    'cut-line': () => {
      const node = any(cluster.nodes.filter(each => !lines.has(each)))
      if (node) go(onLine('cut-line', node, between(100, 3000)))
    },
    'deaf-line': () => {
      const node = any(cluster.nodes.filter(each => !lines.has(each)))
      if (node) go(onLine('deaf-line', node, between(100, 1500)))
    },
  }
  while (Date.now() - startedMs < seconds * 1000) {
    await sleep(between(500, 3500))
    act[pick(random)]()
  }
  await Promise.all(going)
  return done
}

function pick(random: Random): FaultKind {
  let place = random.uniform() * kinds.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [kind, weight] of kinds) {
    place -= weight
    if (place < 0) return kind
  }
  return 'kill-service'
}
