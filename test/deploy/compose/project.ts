/** The services of deploy/compose.yaml under a name of their own, and what is asked of them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root, shell } from '../parts.ts'

const file = (path: string) => ['-f', join(root, path)]
const noPorts = file('test/deploy/compose/no-ports.yaml')
export const oneProcess = [...file('deploy/compose.yaml'), ...noPorts]
export const oneEach = [...file('deploy/compose.yaml'), ...file('deploy/compose.stages.yaml'), ...noPorts]
export const configuration = '/etc/feedloop/feedloop.yaml'
const healthyWithinMs = 240_000

export interface Container {
  readonly ID: string
  readonly Service: string
  readonly State: string
  /** Empty without a health check. */
  readonly Health: string
  readonly ExitCode: number
}

/** What is used of the audit's report. */
export interface Report {
  readonly balanced: boolean
  readonly requests: { readonly total: number; readonly decided: number; readonly pending: number }
}

export type Project = ReturnType<typeof projectOf>

/** Both sets of files have one name, so that the second replaces the first. */
export function projectOf(files: readonly string[], env: Readonly<Record<string, string>>) {
  const compose = (...args: string[]) =>
    shell('docker', ['compose', '-p', 'feedloop-deploy-test', ...files, ...args], { env })
  const containers = async (): Promise<Container[]> =>
    (await compose('--profile', '*', 'ps', '--all', '--format', 'json'))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
  const fetchIn = (service: string, path: string) => {
    const script = `fetch('http://127.0.0.1:9464${path}').then(async r => { console.log(await r.text()); process.exitCode = r.ok ? 0 : 1 })`
    return compose('exec', '-T', service, 'node', '-e', script)
  }
  const once = (service: string, ...args: string[]) =>
    compose('--profile', '*', 'run', '--rm', '-T', '--no-deps', service, ...args)
  const audit = async (): Promise<Report> =>
    JSON.parse(await once('feedloop', 'audit', '--json', '--config', configuration))
  const untilHealthy = async (services: readonly string[]): Promise<number> => {
    for (const end = Date.now() + healthyWithinMs; ; await sleep(2000)) {
      const all = await containers()
      const checked = all.filter(({ Health }) => Health !== '')
      const waiting = checked.filter(({ Health }) => Health !== 'healthy').map(({ Service }) => Service)
      assert.deepEqual(
        all.filter(({ State, ExitCode }) => State === 'exited' && ExitCode !== 0),
        [],
      )
      if (waiting.length === 0 && services.every(each => checked.some(({ Service }) => Service === each)))
        return checked.length
      if (Date.now() > end)
        throw new Error(`not healthy: ${waiting.join(', ')}\n${await compose('logs', '--tail', '20', ...waiting)}`)
    }
  }
  return {
    compose,
    fetchIn,
    containers,
    /** @throws Error when it does not balance */
    audit,
    /** Made-up people for some seconds. @returns the decisions that they got */
    async traffic(seconds: number): Promise<number> {
      const { decisions } = JSON.parse(await once('traffic', configuration, String(seconds)))
      return decisions
    },
    /** Starts services with what they depend on, and waits for the health checks of all. @returns how many passed */
    async upUntilHealthy(...services: string[]): Promise<number> {
      await compose('up', '--detach', '--no-build', ...services)
      return untilHealthy(services)
    },
    untilHealthy,
    down: () => compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '-t', '20'),
  }
}
