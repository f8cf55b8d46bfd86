/**
 * `npm run test:long`: the suites that draw random histories and slates, with many more of them than in `npm test`, and overload
 * for longer. FEEDLOOP_SEEDS (simulated loops; ten times as many simulated chains), FEEDLOOP_RUNS (cases of a property) and
 * FEEDLOOP_OVERLOAD_S (seconds) say how many.
 */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const env = { FEEDLOOP_SEEDS: '10000', FEEDLOOP_RUNS: '100000', FEEDLOOP_OVERLOAD_S: '60', ...process.env }
const suites = [
  'test/simulation/*.test.ts',
  'test/transitions/*.test.ts',
  'test/ranker/constraints/*.test.ts',
  'test/ranker/overload.test.ts',
]
const child = spawn(process.execPath, ['--test', ...suites], { cwd: root, env, stdio: 'inherit' })
child.on('close', code => {
  process.exitCode = code ?? 1
})
