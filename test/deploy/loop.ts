/**
 * The compose services, running: a real broker, the topics job, then every stage ready, in one process and in one each;
 * what they keep on disk is in volumes; and a broker that falls silent stops no process.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chartStages } from '../../deploy/generate/stages.ts'
import { pipeline } from '../../src/pipeline.ts'
import { buildImage } from './image.ts'
import { type Part, root, type Say, shell } from './parts.ts'

const file = (path: string) => ['-f', join(root, path)]
const oneProcess = [...file('deploy/compose.yaml'), ...file('test/deploy/no-ports.yaml')]
const oneEach = [
  ...file('deploy/compose.yaml'),
  ...file('deploy/compose.stages.yaml'),
  ...file('test/deploy/no-ports.yaml'),
]
const stages = chartStages()
  .filter(stage => !stage.needsSources)
  .map(({ stage }) => stage)
const configuration = '/etc/feedloop/feedloop.yaml'
const readyWithinMs = 90_000
/** Longer than any patience with a broker (src/log/kafka/retry.ts). */
const silentMs = 45_000

export const loopPart: Part = {
  name: 'loop',
  async run(say) {
    const image = await buildImage()
    try {
      await together(say, projectOf(oneProcess, image))
      await apart(say, projectOf(oneEach, image))
    } finally {
      await projectOf(oneEach, image).compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '-t', '20')
    }
  },
}

async function together(say: Say, { compose, fetchIn, ready, traffic }: Project): Promise<void> {
  await compose('up', '--detach', '--no-build', 'feedloop')
  await ready('feedloop')
  const metrics = await fetchIn('feedloop', '/metrics')
  for (const { stage } of pipeline.filter(({ runs }) => runs === 'chain'))
    assert.match(metrics, new RegExp(`^feedloop_tasks\\{stage="${stage}",state="running"\\} [1-9]`, 'm'))
  say('topics made, all stages ready in one process, a heartbeat of each chained stage')
  const joined = '/var/lib/feedloop/feedloop./joiner/0/data/data.mdb'
  await compose('exec', '-T', 'feedloop', 'test', '-f', joined)
  await compose('exec', '-T', 'kafka', 'test', '-d', '/var/lib/kafka/data/__cluster_metadata-0')
  say('local state of the joiner and log of the broker, each in its volume')
  say(`${await traffic()} decisions in 15 s for made-up people, and the audit balances`)
  await compose('stop', 'feedloop')
  const [stopped] = JSON.parse(`[${(await compose('ps', '--all', '--format', 'json', 'feedloop')).trim()}]`)
  assert.equal(stopped.ExitCode, 0)
  say('drained on SIGTERM with exit code 0')
}

async function apart(say: Say, { compose, fetchIn, ready, traffic }: Project): Promise<void> {
  const allReady = async () => {
    for (const stage of stages) await ready(stage)
  }
  await compose('up', '--detach', '--no-build', ...stages)
  await allReady()
  say(`${stages.length} services, one a stage, all ready`)
  await compose('pause', 'kafka')
  for (const end = Date.now() + silentMs; Date.now() < end; await sleep(5000))
    for (const stage of stages) await fetchIn(stage, '/livez')
  await compose('unpause', 'kafka')
  await allReady()
  const containers = (await compose('ps', '--quiet', ...stages)).trim().split('\n')
  const restarts = await shell('docker', ['inspect', '--format', '{{.RestartCount}}', ...containers])
  assert.equal(restarts.trim(), stages.map(() => '0').join('\n'))
  say(`alive while the broker was silent for ${silentMs / 1000} s; then ${await traffic()} decisions in 15 s`)
}

type Project = ReturnType<typeof projectOf>

/** The services of some compose files, by one name, so that the second set replaces the first. */
function projectOf(files: readonly string[], image: string) {
  const compose = (...args: string[]) =>
    shell('docker', ['compose', '-p', 'feedloop-deploy-test', ...files, ...args], { env: { FEEDLOOP_IMAGE: image } })
  const fetchIn = (service: string, path: string) => {
    const script = `fetch('http://127.0.0.1:9464${path}').then(async r => { console.log(await r.text()); process.exitCode = r.ok ? 0 : 1 })`
    return compose('exec', '-T', service, 'node', '-e', script)
  }
  const ready = async (service: string) => {
    const end = Date.now() + readyWithinMs
    for (;;)
      try {
        return await fetchIn(service, '/readyz')
      } catch (error) {
        if (Date.now() > end) throw error
        await sleep(1000)
      }
  }
  const once = (service: string, ...args: string[]) =>
    compose('--profile', '*', 'run', '--rm', '-T', '--no-deps', service, ...args)
  const traffic = async (): Promise<number> => {
    const { decisions } = JSON.parse(await once('traffic', configuration, '15'))
    assert.ok(decisions > 100, `${decisions} decisions`)
    await once('feedloop', 'audit', '--json', '--config', configuration)
    return decisions
  }
  return { compose, fetchIn, ready, traffic }
}
