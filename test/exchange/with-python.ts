/** Python with the packages that a test needs. FEEDLOOP_PYTHON names the interpreter; what it lacks fails the test by name. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const python = process.env.FEEDLOOP_PYTHON ?? 'python3'
const run = promisify(execFile)
const examples = fileURLToPath(new URL('../../examples/exchange/', import.meta.url))
const quiet = {
  TF_CPP_MIN_LOG_LEVEL: '3',
  CUDA_VISIBLE_DEVICES: '',
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONPATH: examples,
}

/** Packages that cannot be imported are named, all of them. */
async function assertPackages(packages: readonly string[]): Promise<void> {
  const script = `
import importlib.util, sys
print(" ".join(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))`
  const { stdout } = await run(python, ['-c', script, ...packages]).catch(cause => {
    throw new Error(`${python} cannot be run: FEEDLOOP_PYTHON names the interpreter`, { cause })
  })
  const missing = stdout.trim()
  assert.equal(missing, '', `${python} lacks ${missing}: \`pip install\` it, or name another with FEEDLOOP_PYTHON`)
}

/** Runs a program, which finds the modules of examples/exchange, in `cwd`. @returns the JSON that it prints; undefined: nothing */
export async function runProgram(packages: readonly string[], args: readonly string[], cwd?: string): Promise<unknown> {
  await assertPackages(packages)
  const env = { ...process.env, ...quiet }
  const { stdout } = await run(python, [...args], { cwd, env, timeout: 240_000, maxBuffer: 64 << 20 })
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

/** The same of a script. */
export const runPython = (packages: readonly string[], script: string, args: readonly string[]): Promise<unknown> =>
  runProgram(packages, ['-c', script, ...args])
