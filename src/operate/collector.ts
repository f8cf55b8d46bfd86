/**
 * The garbage collector of a service, as its state wants it. V8 takes these flags while it runs; one that does not know
 * them says so on stderr and goes on as before.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * For state on the heap: V8 looks through the whole heap whenever 64 MiB have come and gone outside of it, and all that is
 * read and sent does: with 200,000 open joins that is a quarter of the joiner's CPU, with 500,000 half. Counted together
 * with the heap, as V8 can, such memory makes it look once both have grown by the usual factor; the process takes up to
 * three quarters more memory. A state on disk leaves a small heap, which is quickly looked through: there the memory
 * matters more. Call before the state grows.
 */
export const countBuffersWithHeap = (): void => setFlagsFromString('--external-memory-accounted-in-global-limit')

/** Both halves of the space that new objects are made in, bytes. */
const NEW_SPACE_BYTES = 32 << 20

/**
 * For state on disk: the space of new objects grows to 128 MiB under load, a third of all that the process holds; a quarter
 * of it costs hardly more CPU. Its size is no flag that V8 reads again, but the factor by which it grows is.
 */
export function boundNewSpace(): void {
  let grows = true
  new PerformanceObserver(() => {
    const bytes = getHeapSpaceStatistics().find(each => each.space_name === 'new_space')!.space_size
    if (grows === bytes < NEW_SPACE_BYTES) return
    grows = !grows
    setFlagsFromString(`--semi-space-growth-factor=${grows ? 2 : 1}`)
  }).observe({ entryTypes: ['gc'] })
}
