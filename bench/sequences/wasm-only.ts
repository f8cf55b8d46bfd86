/** Preloaded (`--import`), native TensorFlow does not load, as on a machine that lacks it: a bar on wasm is measured on wasm everywhere. */
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@tensorflow/tfjs-node') throw new Error('kept out by bench/sequences/wasm-only.ts')
    return next(specifier, context)
  },
})
