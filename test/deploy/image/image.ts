/** The image: what is in it and what is not, as whom and on what it runs; and that its end loses nothing. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { requireImage } from '../compose/images.ts'
import { oneProcess, projectOf } from '../compose/project.ts'
import { mustFail, type Part, root, type Say, shell } from '../parts.ts'
import { buildImage, revision, version } from './build.ts'

const configuration = join(root, 'deploy', 'feedloop.yaml')
/** As the chart runs it: nobody, nothing writable but /tmp, no capability, no network. */
const asInProduction = ['--rm', '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--network', 'none']
/** Between what docs/sizing.md says and what it is. */
const MEGABYTES_OFF = 15
/** `stop_grace_period` of compose.yaml, `terminationGracePeriodSeconds` of the chart. */
const GRACE_SECONDS = 30

export const imagePart: Part = {
  name: 'image',
  async run(say) {
    const tag = await buildImage()
    await described(say, tag)
    await runs(say, tag)
    await drains(say, tag)
  },
}

async function described(say: Say, tag: string): Promise<void> {
  const [{ Size, Config }] = JSON.parse(await shell('docker', ['image', 'inspect', tag]))
  const megabytes = Math.round(Size / 1e6)
  const [, stated] = /the image, unpacked \| (\d+) MB/.exec(readFileSync(join(root, 'docs', 'sizing.md'), 'utf8')) ?? []
  assert.ok(Math.abs(megabytes - Number(stated)) <= MEGABYTES_OFF, `${megabytes} MB, and docs/sizing.md says ${stated}`)
  assert.equal(Config.User, '10001:10001')
  const label = (name: string): string => Config.Labels[`org.opencontainers.image.${name}`]
  assert.deepEqual([label('title'), label('version'), label('revision')], ['feedloop', version, await revision()])
  assert.equal(label('licenses'), 'Apache-2.0')
  assert.ok(!Number.isNaN(Date.parse(label('created'))))
  say(`built, ${megabytes} MB as docs/sizing.md says, user ${Config.User}, OCI labels`)
}

async function runs(say: Say, tag: string): Promise<void> {
  const mounted = ['-v', `${configuration}:/etc/feedloop/feedloop.yaml:ro`]
  const run = (...args: string[]) => shell('docker', ['run', ...asInProduction, ...mounted, tag, ...args])
  const node = async (script: string) =>
    (await shell('docker', ['run', ...asInProduction, '--entrypoint', 'node', tag, '-e', script])).trim()
  assert.match(await run('--help'), /Usage: feedloop/)
  assert.match(await run('config', 'check', '--config', '/etc/feedloop/feedloop.yaml'), /valid/)
  say('--help and config check, read-only and without a network')
  assert.equal(await node('console.log(process.getuid(), process.getgid())'), '10001 10001')
  assert.match(
    await node("try { fs.writeFileSync('/app/x', '') } catch (error) { console.log(error.code) }"),
    /^(EROFS|EACCES)$/,
  )
  assert.equal(
    await node("console.log(fs.readdirSync('/app').join())"),
    'LICENSE,deploy,examples,node_modules,package.json,sbom.cdx.json,schemas,src',
  )
  const executables = await node(
    "console.log(['/bin', '/usr/bin', '/usr/local/bin', '/sbin'].flatMap(f => fs.existsSync(f) ? fs.readdirSync(f) : []).join())",
  )
  assert.equal(executables, 'node,tini')
  await mustFail(/no such file|not found/, 'docker', [
    'run',
    ...asInProduction,
    '--entrypoint',
    '/bin/sh',
    tag,
    '-c',
    'true',
  ])
  say('user 10001; Node and tini are all that can be run: no shell, no package manager')
  const packages: readonly { readonly name: string; readonly version: string }[] = JSON.parse(
    await node("console.log(JSON.stringify(JSON.parse(fs.readFileSync('/app/sbom.cdx.json')).components))"),
  )
  const there = await node(
    "console.log(JSON.stringify(JSON.parse(fs.readFileSync('/app/sbom.cdx.json')).components.filter(c => !fs.existsSync('/app/node_modules/' + (c.group ? c.group + '/' : '') + c.name)).map(c => c.name)))",
  )
  assert.ok(packages.some(({ name }) => name === 'kafkajs'))
  for (const development of ['typescript', 'testcontainers', '@biomejs/biome'])
    assert.ok(!packages.some(({ name }) => name === development), development)
  say(`${packages.length} packages in its SBOM, production ones only (nested elsewhere: ${JSON.parse(there).length})`)
  const load =
    "import('/app/src/learner/tensorflow.ts').then(m => m.loadTensorFlow()).then(t => console.log(t.backend))"
  assert.match(await node(load), /^(wasm|native)$/m)
  await node("import('lmdb').then(m => m.open({ path: '/tmp/x' }).put('a', 1)).then(() => process.exit(0))")
  say('native and WebAssembly packages load')
  const wrong = ['run', ...asInProduction, '-e', 'FEEDLOOP_HTTP_PORT=70000', tag, 'config', 'check']
  await mustFail(/CONFIG_INVALID/, 'docker', wrong)
  say('a wrong configuration ends it with its code')
}

/** SIGTERM under traffic, and the audit of everything afterwards. */
async function drains(say: Say, tag: string): Promise<void> {
  await requireImage('kafka')
  const { compose, containers, traffic, audit, upUntilHealthy, down } = projectOf(oneProcess, { FEEDLOOP_IMAGE: tag })
  try {
    await upUntilHealthy('feedloop')
    const asking = traffic(40)
    asking.catch(() => {})
    await sleep(12_000)
    const of = async () => (await containers()).find(({ Service }) => Service === 'feedloop')!
    const [{ HostConfig }] = JSON.parse(await shell('docker', ['inspect', (await of()).ID]))
    assert.equal(HostConfig.ReadonlyRootfs, true)
    const began = performance.now()
    await compose('stop', 'feedloop')
    const seconds = (performance.now() - began) / 1000
    assert.equal((await of()).ExitCode, 0)
    assert.ok(seconds < GRACE_SECONDS, `${seconds} s`)
    await compose('start', 'feedloop')
    const decisions = await asking
    assert.ok(decisions > 100, `${decisions} decisions`)
    const { balanced, requests } = await audit()
    assert.ok(balanced)
    assert.deepEqual([requests.decided, requests.pending], [requests.total, 0])
    say(
      `SIGTERM under traffic: drained in ${seconds.toFixed(1)} s with exit code 0; ${decisions} decisions before and after, none lost by the audit`,
    )
  } finally {
    await down()
  }
}
