/** Contestants of a benchmark as processes of their own, and what a process knows of itself. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Runs a script beside the benchmarks with its options as JSON, and parses what it prints. @throws Error: it failed */
export async function child<T>(script: string, options: object): Promise<T> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const running = spawn(process.execPath, [path, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  running.stdout.on('data', chunk => {
    text += String(chunk)
  })
  const [code] = (await once(running, 'close')) as [number]
  if (code !== 0) throw new Error(`${script} ended with ${code}`)
  return JSON.parse(text) as T
}

/** Anonymous memory of this process: without the pages of files that are mapped. Linux. */
export function rssAnonMiB(): number {
  const kB = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return Math.round(Number(kB ?? Number.NaN) / 1024)
}
