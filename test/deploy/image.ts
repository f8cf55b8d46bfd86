/** The image and the compose files on a real engine. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { mustFail, type Part, root, shell, toolsFolder } from './parts.ts'

const tag = 'feedloop:deploy-test'
const configuration = join(root, 'deploy', 'feedloop.yaml')
/** As the chart runs it: nobody, nothing writable but /tmp, no capability, no network. */
const asInProduction = ['--rm', '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--network', 'none']

export const imagePart: Part = {
  name: 'image',
  async run(say) {
    await buildImage()
    say(`built, ${await megabytes()} MB`)
    const mounted = ['-v', `${configuration}:/etc/feedloop/feedloop.yaml:ro`]
    const run = (...args: string[]) => shell('docker', ['run', ...asInProduction, ...mounted, tag, ...args])
    assert.match(await run('--help'), /Usage: feedloop/)
    assert.match(await run('config', 'check', '--config', '/etc/feedloop/feedloop.yaml'), /valid/)
    say('--help and config check, read-only and without a network')
    const id = await shell('docker', ['run', ...asInProduction, '--entrypoint', 'id', tag, '-u'])
    assert.equal(id.trim(), '10001')
    say('runs as user 10001')
    const load =
      "import('/app/src/learner/tensorflow.ts').then(m => m.loadTensorFlow()).then(t => console.log(t.backend))"
    const backend = await shell('docker', ['run', ...asInProduction, '--entrypoint', 'node', tag, '-e', load])
    assert.match(backend, /^(wasm|native)$/m)
    say(`TensorFlow.js loads: ${backend.trim()}`)
    const wrong = ['run', ...asInProduction, '-e', 'FEEDLOOP_HTTP_PORT=70000', tag, 'config', 'check']
    await mustFail(/CONFIG_INVALID/, 'docker', wrong)
    say('a wrong configuration ends it with its code')
  },
}

export const composePart: Part = {
  name: 'compose',
  async run(say) {
    await shell('docker', ['compose', 'version']).catch(() => {
      throw new Error(
        `no compose: it is the plugin docker-compose-v2 (or docker-compose) of your distribution, or --only another part`,
      )
    })
    for (const files of [['compose.yaml'], ['compose.yaml', 'compose.stages.yaml']]) {
      const args = files.flatMap(file => ['-f', join(root, 'deploy', file)])
      const text = await shell('docker', ['compose', ...args, '--profile', 'traffic', 'config', '--format', 'json'])
      say(`${files.join(' + ')}: ${Object.keys(JSON.parse(text).services).length} services`)
    }
  },
}

async function engine(): Promise<void> {
  await shell('docker', ['info']).catch(() => {
    const script = join(toolsFolder, 'docker-up.sh')
    throw new Error(`no Docker engine answers: start yours, or one by ${script}, or --only another part`)
  })
}

/** Builds the image and returns its tag. Where npm reaches its registry through a mirror, the build must too. */
export async function buildImage(): Promise<string> {
  await engine()
  const registry = (await shell('npm', ['config', 'get', 'registry'])).trim()
  const env = { ...process.env, NPM_CONFIG_REGISTRY: registry }
  const dockerfile = ['-f', join(root, 'deploy', 'Dockerfile'), '-t', tag]
  await shell(
    'docker',
    ['build', '--quiet', '--network', 'host', '--build-arg', 'NPM_CONFIG_REGISTRY', ...dockerfile, root],
    {
      env,
      timeoutMs: 20 * 60_000,
    },
  )
  return tag
}

const megabytes = async (): Promise<number> =>
  Math.round(Number(await shell('docker', ['image', 'inspect', '--format', '{{.Size}}', tag])) / 1e6)
