/** Vowpal Wabbit beside us, where Python has it (`pip install vowpalwabbit`). FEEDLOOP_PYTHON names the interpreter. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const python = process.env.FEEDLOOP_PYTHON ?? 'python3'
const MAX_OUTPUT_BYTES = 256 << 20

/** Its version; undefined where Python does not have it. */
export function vowpalWabbit(): string | undefined {
  const { status, stdout } = spawnSync(python, ['-c', 'import vowpalwabbit as v; print(v.__version__)'], {
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : undefined
}

/** Runs a script of this folder and takes the JSON that it prints. @throws Error when it fails */
export function runScript<T>(script: string, args: readonly string[]): T {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const { status, stdout, stderr } = spawnSync(python, [file, ...args], {
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  if (status !== 0) throw new Error(`${script} ${args.join(' ')}: ${stderr}`)
  return JSON.parse(stdout) as T
}
