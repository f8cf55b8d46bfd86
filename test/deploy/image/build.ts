/** The image, built once a run by a real engine. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, shell, toolsFolder } from '../parts.ts'

const tag = 'feedloop:deploy-test'
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
let built: Promise<string> | undefined

/** Builds the image and returns its tag. Where npm reaches its registry through a mirror, the build must too.
 * @throws Error when no engine answers */
export const buildImage = (): Promise<string> => {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  await shell('docker', ['info']).catch(() => {
    const script = join(toolsFolder, 'docker-up.sh')
    throw new Error(`no Docker engine answers: start yours, or one by ${script}, or --only another part`)
  })
  const env = { NPM_CONFIG_REGISTRY: (await shell('npm', ['config', 'get', 'registry'])).trim() }
  const given = { VERSION: version, REVISION: await revision(), CREATED: new Date().toISOString() }
  const named = Object.entries(given).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
  const dockerfile = ['-f', join(root, 'deploy', 'Dockerfile'), '-t', tag]
  const args = [
    'build',
    '--quiet',
    '--network',
    'host',
    '--build-arg',
    'NPM_CONFIG_REGISTRY',
    ...named,
    ...dockerfile,
    root,
  ]
  await shell('docker', args, { env, timeoutMs: 20 * 60_000 })
  return tag
}

export const revision = async (): Promise<string> => (await shell('git', ['rev-parse', 'HEAD'])).trim()
