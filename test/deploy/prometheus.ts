/** A real Prometheus that scrapes one target every second, and what it answers. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { has } from './parts.ts'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [timeSeconds: number, value: string]
}

export interface Exemplars {
  readonly seriesLabels: Readonly<Record<string, string>>
  readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[]
}

export interface Firing {
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

export interface Target {
  readonly health: string
  readonly lastError: string
}

export interface Prometheus {
  /** @throws Error with Prometheus's own words */
  query(expression: string): Promise<readonly Sample[]>
  /** Of the last hour. */
  exemplars(series: string): Promise<readonly Exemplars[]>
  alerts(): Promise<readonly Firing[]>
  /** What it says of its target. */
  target(): Promise<Target>
  stop(): Promise<void>
}

/** What its API answers, by what it was asked for. */
interface Data {
  readonly result: readonly Sample[]
  readonly alerts: readonly Firing[]
  readonly activeTargets: readonly Target[]
}
interface Answer {
  readonly status: string
  readonly error: string
  readonly data: Data
}

const READY_MS = 30_000

/** @throws Error when there is none, with the way to get it */
export async function startPrometheus(targetPort: number, ruleGroups: readonly object[]): Promise<Prometheus> {
  if (!(await has('prometheus')))
    throw new Error(
      'no prometheus (Debian and Ubuntu: `apt-get install prometheus`, then `systemctl disable --now prometheus`), or --only another part',
    )
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-prometheus-'))
  writeFileSync(join(folder, 'rules.yaml'), stringify({ groups: ruleGroups }, { lineWidth: 0 }))
  const settings = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: 'feedloop', static_configs: [{ targets: [`127.0.0.1:${targetPort}`] }] }],
  }
  writeFileSync(join(folder, 'prometheus.yaml'), stringify(settings))
  const port = await freePort()
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const said = text(child.stderr!)
  const ask = async (path: string): Promise<Data> => {
    const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as Answer
    if (answer.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${answer.error}`)
    return answer.data
  }
  const stop = async (): Promise<void> => {
    await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
  const ended = once(child, 'exit').then(async () => Promise.reject(new Error(`prometheus: ${await said}`)))
  ended.catch(() => {})
  await Promise.race([answering(`http://127.0.0.1:${port}/-/ready`), ended]).catch(async error => {
    await stop()
    throw error
  })
  return {
    stop,
    query: async expression => (await ask(`query?query=${encodeURIComponent(expression)}`)).result,
    exemplars: async series => {
      const now = Date.now() / 1000
      const asked = new URLSearchParams({ query: series, start: String(now - 3600), end: String(now) })
      return (await ask(`query_exemplars?${asked}`)) as unknown as readonly Exemplars[]
    },
    alerts: async () => (await ask('alerts')).alerts,
    target: async () => (await ask('targets')).activeTargets[0]!,
  }
}

async function answering(url: string): Promise<void> {
  for (const deadline = Date.now() + READY_MS; ; await sleep(200)) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok) return
    if (Date.now() > deadline) throw new Error(`${url} does not answer`)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
