/** What `helm test` runs in its pod, run against services that answer, and against one that does not. */
import assert from 'node:assert/strict'
import { named, render } from '../chart/render.ts'
import { kubernetesTools, mustFail, type Say, shell } from '../parts.ts'
import type { Project } from './project.ts'

const release = 'r'

/** The very command of the chart's job, in the image, as the services' Services would lead it. */
export async function helmTest(say: Say, { compose, containers }: Project, image: string): Promise<void> {
  const job = named(await render(release, 'minimal', await kubernetesTools()), 'Job', `${release}-feedloop-test`)
  const [{ command, args }] = job.spec.template.spec.containers
  const [executable, ...first] = command as string[]
  const hosts = await Promise.all(
    (await containers())
      .filter(({ State }) => State === 'running')
      .map(async ({ ID, Service }) => [`${release}-feedloop-${Service}`, await addressOf(ID)] as const),
  )
  const known = hosts.flatMap(([name, address]) => ['--add-host', `${name}:${address}`])
  const asPod = ['--rm', '--read-only', '--cap-drop', 'ALL', '--network', 'feedloop-deploy-test_default', ...known]
  const run = ['run', ...asPod, '--entrypoint', executable!, image, ...first, ...args]
  const answered = (await shell('docker', run)).trim().split('\n')
  assert.deepEqual(answered.map(line => line.replace(/^\d+ http:\/\/r-feedloop-(\w+):.*$/, '$1')).sort(), [
    'gateway',
    'ranker',
  ])
  for (const line of answered) assert.match(line, /^200 /)
  await compose('stop', 'gateway')
  await mustFail(/fetch failed|ECONNREFUSED|EHOSTUNREACH|TimeoutError/, 'docker', run)
  await compose('start', 'gateway')
  say(`helm test: the command of its job: ${answered.join(', ')}; without a gateway it fails`)
}

const addressOf = async (id: string): Promise<string> => {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  return (await shell('docker', ['inspect', '--format', format, id])).trim()
}
