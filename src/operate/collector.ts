/**
 * The garbage collector of a service that keeps its state on the heap. V8 looks through the whole heap whenever 64 MiB
 * have come and gone outside of it, and all that is read and sent does: with 200,000 open joins that is a quarter of the
 * joiner's CPU, with 500,000 half. Counted together with the heap, as V8 can, such memory makes it look once both have
 * grown by the usual factor; the process takes up to three quarters more memory. A state on disk leaves a small heap, which
 * is quickly looked through: there the memory matters more.
 */
import { setFlagsFromString } from 'node:v8'

/** Call before the state grows. A V8 that does not know the flag says so on stderr and goes on as before. */
export const countBuffersWithHeap = (): void => setFlagsFromString('--external-memory-accounted-in-global-limit')
