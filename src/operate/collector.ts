/**
 * The garbage collector of a service, as its state wants it. V8 takes these flags while it runs; one that does not know
 * them says so on stderr and goes on as before.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { StageName } from '../pipeline.ts'

/**
 * What V8 is told by what the stages of a process keep. The ranker's catalogue is on the heap wherever the people are: with a million items a look through it
 * whenever 64 MiB had passed by made one decision in a hundred wait five times as long. (The learner keeps one, too, but nobody waits for it, and its statistics,
 * counted as if they were heap, could grow beyond what its pod may take.) The gateway keeps nothing, and all that it passes on is garbage at once: in a large space
 * of new objects that held so much memory outside of the heap that V8 looked through everything twice a second.
 */
export function suitCollector(stages: readonly StageName[], stateOnDisk: boolean): void {
  const keepsNothing = stages.every(stage => stage === 'gateway')
  makeNothingOld()
  keepMemoryWhenIdle()
  if (!stateOnDisk || keepsNothing || stages.includes('ranker')) countBuffersWithHeap()
  if (stateOnDisk || keepsNothing) boundHeap()
  else if (stages.includes('ranker')) growSteadily()
}

/**
 * For a large heap, and for whatever passes much on: V8 looks through the whole heap whenever 64 MiB have come and gone outside of it, and all that is
 * read and sent does: with 200,000 open joins that is a quarter of the joiner's CPU, with 500,000 half. Counted together
 * with the heap, as V8 can, such memory makes it look once both have grown by the usual factor; the process takes up to
 * three quarters more memory. A joiner's state on disk leaves a small heap, which is quickly looked through: there the memory
 * matters more. Call before the state grows.
 */
export const countBuffersWithHeap = (): void => setFlagsFromString('--external-memory-accounted-in-global-limit')

/**
 * Of a heap in which little gets old V8 thinks that it is cheap to look through, and does so once it has grown by a tenth. What a ranker
 * passes on within a quarter of a second is more: while it decided it was looked through every second or two, and for a tenth of one each time that took a core from all
 * who have two. (By a half would do for ten thousand items; of a million one look a minute is one too many.) What nobody refers to any more stays longer: docs/sizing.md.
 */
const growSteadily = (): void => setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)

/**
 * V8 remembers of a place in the code that what it makes outlives a collection, and makes it old at once from then on. It goes by the first collections,
 * while the space of new objects is small and a step of a dozen decisions fills it: so a service's records, of which none outlives its step, were garbage
 * in the old space, with all that they refer to copied there after them. Call before the code is used.
 */
export const makeNothingOld = (): void => setFlagsFromString('--no-allocation-site-pretenuring')

/**
 * Some seconds after load has gone V8 looks through the whole heap, to give memory back, and may still be at it when load is back: with a catalogue of
 * a million items decisions then waited for .4 s. Without that, what was taken is given back when the heap has grown. Call before it grows.
 */
export const keepMemoryWhenIdle = (): void => setFlagsFromString('--memory-reducer-gc-count=0')

/**
 * Looks through the whole heap at once; nothing else is done in the process meanwhile, .2 s of a million items. For a service that has read its catalogue and has not begun: what
 * reading left behind is gone, and V8 counts growth from there. Else it looked some minutes later, while decisions waited for .4 s.
 */
export function collectAll(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('globalThis.gc') as typeof globalThis.gc
  setFlagsFromString('--no-expose-gc')
  collect?.({ type: 'major', execution: 'sync' })
}

/** Both halves of the space that new objects are made in, bytes. */
const NEW_SPACE_BYTES = 32 << 20

/** What the heap may grow by before V8 looks through all of it, percent of what was alive: it takes up to 300 for a small one. */
const GROWTH_PERCENT = 150

/**
 * For state on disk: what waits there for its write outlives many collections of the new space and then is garbage in the
 * old one, which may become four times what is alive; two and a half times costs no more CPU. The space of new objects
 * grows to 128 MiB under load, a third of all that the process holds; a quarter of it costs hardly more CPU, and gives back
 * sooner what a process passes on that keeps nothing. Its size is no flag that V8 reads again, but the factor by which it
 * grows is: it grows here, at once, and after that only where V8 made it small meanwhile, which it does while there is
 * nothing to do.
 */
export function boundHeap(): void {
  growSteadily()
  growNewSpace()
  new PerformanceObserver(list => {
    const collected = list
      .getEntries()
      .some(each => (each as unknown as { detail: { kind: number } }).detail.kind === MINOR)
    if (collected && newSpaceBytes() < NEW_SPACE_BYTES / 2) growNewSpace()
  }).observe({ entryTypes: ['gc'] })
}

const MINOR = constants.NODE_PERFORMANCE_GC_MINOR
const newSpaceBytes = (): number => getHeapSpaceStatistics().find(each => each.space_name === 'new_space')!.space_size

/** It doubles whenever as much as it holds has survived. */
function growNewSpace(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
  const survivors: object[] = []
  while (newSpaceBytes() < NEW_SPACE_BYTES && survivors.length < ENOUGH)
    for (let i = 0; i < 10_000; i++) survivors.push({ survivor: i })
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** Objects that outgrow any such space, should V8 grow it otherwise one day. */
const ENOUGH = 2_000_000
