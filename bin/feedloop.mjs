#!/usr/bin/env node
/**
 * The `feedloop` command. The sources are TypeScript that Node 24 runs as it is: the running Node where it is new enough,
 * else the one that the package `node` brings along. Works through symlinks, as npm makes them.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const main = new URL('../src/main.ts', import.meta.url)

function node24() {
  try {
    const file = createRequire(import.meta.url).resolve('node/bin/node')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

/** Runs the command in another Node as if it were this one: its signals go there, its exit code comes from there. */
function runIn(file) {
  const child = spawn(file, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    process.stderr.write(`feedloop: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code ?? 1
    else {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
  })
}

const isNew = Number(process.versions.node.split('.')[0]) >= 24
const other = isNew ? undefined : node24()
if (isNew) await import(main.href)
else if (other) runIn(other)
else {
  process.stderr.write(`feedloop needs Node 24 or newer, or the npm package \`node\`; this is ${process.version}\n`)
  process.exitCode = 1
}
