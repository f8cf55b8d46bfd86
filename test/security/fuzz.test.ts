/** A short round of fuzz.ts; a million are part of `npm run test:deploy -- --only security`. */
import { test } from 'node:test'
import { fuzz } from './fuzz.ts'

const total = Number(process.env.FEEDLOOP_FUZZ ?? 3000)
const seed = Number(process.env.FEEDLOOP_FUZZ_SEED ?? 1)

test(`${total} fuzzed records and bodies, seed ${seed}`, { timeout: 3_600_000 }, async t => {
  t.diagnostic(JSON.stringify(await fuzz(t, { total, seed })))
})
