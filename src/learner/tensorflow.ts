/**
 * TensorFlow.js on the fastest backend that loads here: libtensorflow (@tensorflow/tfjs-node) when its native addon is
 * present, else WebAssembly. Loaded once and only by learners that need it; the choice is in `backend`, for logs.
 */
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import type * as Tf from '@tensorflow/tfjs'
import { FeedloopError } from '../errors.ts'

export interface TensorFlow {
  readonly tf: typeof Tf
  readonly backend: 'native' | 'wasm'
}

const require = createRequire(import.meta.url)
let loading: Promise<TensorFlow> | undefined

/** @throws FeedloopError BACKEND_UNAVAILABLE with the reasons of both */
export function loadTensorFlow(): Promise<TensorFlow> {
  loading ??= load()
  return loading
}

async function load(): Promise<TensorFlow> {
  const reasons: string[] = []
  for (const attempt of [native, wasm])
    try {
      return await attempt()
    } catch (error) {
      reasons.push(`${attempt.name}: ${(error as Error).message.split('\n')[0]}`)
    }
  throw new FeedloopError('BACKEND_UNAVAILABLE', reasons.join('; '))
}

/** Every backend that loads here, for who measures them side by side. */
export async function backends(): Promise<TensorFlow[]> {
  const made = await Promise.allSettled([native(), wasm()])
  return made.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
}

async function native(): Promise<TensorFlow> {
  // tfjs-node 4.22 calls two functions of `util` that Node 23 removed
  const util = require('node:util') as Record<string, unknown>
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  util.isArray ??= Array.isArray
  const tf = require('@tensorflow/tfjs-node') as typeof Tf
  await tf.ready()
  return { tf, backend: 'native' }
}

async function wasm(): Promise<TensorFlow> {
  // the whole of tfjs, not only its core: gradients are registered by it
  const tf = require('@tensorflow/tfjs') as typeof Tf
  const entry = require.resolve('@tensorflow/tfjs-backend-wasm')
  const { setWasmPaths } = require(entry) as { setWasmPaths: (prefix: string) => void }
  setWasmPaths(dirname(entry) + sep)
  const restore = keepListeners('uncaughtException', 'unhandledRejection')
  if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend did not start')
  await tf.ready()
  restore()
  return { tf, backend: 'wasm' }
}

/** The WebAssembly module makes itself the handler of the whole process's errors. @returns what takes that back */
function keepListeners(...events: readonly ('uncaughtException' | 'unhandledRejection')[]): () => void {
  const before = events.map(event => new Set<unknown>(process.rawListeners(event)))
  return () => {
    for (const [i, event] of events.entries())
      for (const listener of process.rawListeners(event))
        if (!before[i].has(listener)) process.removeListener(event, listener as () => void)
  }
}
