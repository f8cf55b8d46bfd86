/** Programs that the broker needs, and processes. */
import { spawn } from 'node:child_process'
import { FeedloopError } from '../../../errors.ts'

const TAIL = 2000

/** @param what how people call what is missing when the program is not there
 * @throws FeedloopError BUS_UNAVAILABLE when it is not there or fails */
export function runProgram(program: string, args: readonly string[], what: string): Promise<{ output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
    child.on('error', cause =>
      reject(new FeedloopError('BUS_UNAVAILABLE', `${what} is needed: ${cause.message}`, { cause })),
    )
    child.on('close', code => {
      if (code === 0) resolve({ output })
      else
        reject(new FeedloopError('BUS_UNAVAILABLE', `${what}: ${program} ended with ${code}: ${output.slice(-TAIL)}`))
    })
  })
}

/** Whether a process with this id runs, whoever owns it. */
export function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
