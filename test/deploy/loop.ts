/** The compose services, running: a real broker, the topics job, then every stage ready, in one process and in one each. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chartStages } from '../../deploy/generate/stages.ts'
import { pipeline } from '../../src/pipeline.ts'
import { buildImage } from './image.ts'
import { type Part, root, shell } from './parts.ts'

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

export const loopPart: Part = {
  name: 'loop',
  async run(say) {
    const env = { FEEDLOOP_IMAGE: await buildImage() }
    const compose = (files: readonly string[], ...args: string[]) =>
      shell('docker', ['compose', '-p', 'feedloop-deploy-test', ...files, ...args], { env })
    const fetchIn = (files: readonly string[], service: string, path: string) => {
      const script = `fetch('http://127.0.0.1:9464${path}').then(async r => { console.log(await r.text()); process.exitCode = r.ok ? 0 : 1 })`
      return compose(files, 'exec', '-T', service, 'node', '-e', script)
    }
    const ready = async (files: readonly string[], service: string) => {
      const end = Date.now() + readyWithinMs
      for (;;)
        try {
          return await fetchIn(files, service, '/readyz')
        } catch (error) {
          if (Date.now() > end) throw error
          await sleep(1000)
        }
    }
    try {
      await compose(oneProcess, 'up', '--detach', '--no-build', 'feedloop')
      await ready(oneProcess, 'feedloop')
      const metrics = await fetchIn(oneProcess, 'feedloop', '/metrics')
      for (const { stage } of pipeline.filter(({ runs }) => runs === 'chain'))
        assert.match(metrics, new RegExp(`^feedloop_tasks\\{stage="${stage}",state="running"\\} [1-9]`, 'm'))
      say('topics made, all stages ready in one process, a heartbeat of each chained stage')
      const once = (service: string, ...args: string[]) =>
        compose(oneProcess, '--profile', 'traffic', 'run', '--rm', '-T', '--no-deps', service, ...args)
      const { decisions } = JSON.parse(await once('traffic', configuration, '15'))
      assert.ok(decisions > 100, `${decisions} decisions`)
      await once('feedloop', 'audit', '--json', '--config', configuration)
      say(`${decisions} decisions in 15 s for made-up people, and the audit balances`)
      await compose(oneProcess, 'stop', 'feedloop')
      const [stopped] = JSON.parse(
        `[${(await compose(oneProcess, 'ps', '--all', '--format', 'json', 'feedloop')).trim()}]`,
      )
      assert.equal(stopped.ExitCode, 0)
      say('drained on SIGTERM with exit code 0')
      await compose(oneEach, 'up', '--detach', '--no-build', ...stages)
      for (const stage of stages) await ready(oneEach, stage)
      say(`${stages.length} services, one a stage, all ready`)
    } finally {
      await compose(oneEach, '--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '20')
    }
  },
}
