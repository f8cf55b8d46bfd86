/**
 * A world with its own time and chance: every await of a simulated process is an event in one queue, so that a seed is
 * one exact history. Processes crash (nothing that they wait for ever comes) and freeze (it comes much later).
 */
export interface World {
  readonly nowMs: number
  /** In [0, 1). */
  random(): number
  /** An integer in [0, n). */
  below(n: number): number
  chance(p: number): boolean
  /** Runs `event` after `delayMs`. */
  after(delayMs: number, event: () => void): void
  /** Runs events in order of time until `done`, or none or no budget is left. Returns the number of events run. */
  run(done: () => boolean, maxEvents: number): Promise<number>
  trace(line: string): void
}

interface Event {
  readonly atMs: number
  readonly run: () => void
}

export function createWorld(seed: number, trace: (line: string) => void): World {
  let state = (seed * 0x9e3779b1 + 0x85ebca6b) >>> 0
  let nowMs = 0
  const queue: Event[] = []
  // mulberry32
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const insert = (event: Event): void => {
    let i = queue.length
    while (i > 0 && queue[i - 1]!.atMs <= event.atMs) i--
    queue.splice(i, 0, event)
  }
  return {
    get nowMs() {
      return nowMs
    },
    random,
    below: n => Math.floor(random() * n),
    chance: p => random() < p,
    after: (delayMs, run) => insert({ atMs: nowMs + delayMs, run }),
    async run(done, maxEvents) {
      let events = 0
      for (; events < maxEvents; events++) {
        // After this every promise that could settle has settled: ticks run when no microtask is left.
        await new Promise<void>(resolve => process.nextTick(resolve))
        if (done()) break
        const next = queue.pop()
        if (next === undefined) break
        nowMs = Math.max(nowMs, next.atMs)
        next.run()
      }
      return events
    },
    trace: line => trace(`${nowMs.toFixed(1).padStart(8)} ${line}`),
  }
}

/** A process: what it waits for comes only while it lives, and not before it wakes. */
export interface Process {
  readonly name: string
  readonly alive: boolean
  crash(): void
  freeze(ms: number): void
  /** Settles a promise of this process after `delayMs`. */
  deliver(delayMs: number, settle: () => void): void
}

export function createProcess(world: World, name: string): Process {
  let alive = true
  let wakesMs = 0
  const arrive = (settle: () => void): void => {
    if (!alive) return
    if (world.nowMs < wakesMs) world.after(wakesMs - world.nowMs, () => arrive(settle))
    else settle()
  }
  return {
    name,
    get alive() {
      return alive
    },
    crash() {
      alive = false
    },
    freeze(ms) {
      wakesMs = Math.max(wakesMs, world.nowMs + ms)
    },
    deliver: (delayMs, settle) => world.after(delayMs, () => arrive(settle)),
  }
}
