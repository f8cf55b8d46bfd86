/** The compose file: well-formed, then running until every health check passes, with Prometheus scraping it; and Grafana. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipeline } from '../../../src/pipeline.ts'
import { buildImage } from '../image/build.ts'
import { type Part, root, type Say, shell } from '../parts.ts'
import { prometheusImage, requireImage } from './images.ts'
import { oneProcess, type Project, projectOf } from './project.ts'

const SCRAPED_WITHIN_MS = 60_000

export const composePart: Part = {
  name: 'compose',
  async run(say) {
    await wellFormed(say)
    const image = await buildImage()
    await requireImage('kafka')
    const project = projectOf(oneProcess, { FEEDLOOP_IMAGE: image, PROMETHEUS_IMAGE: await prometheusImage(say) })
    try {
      const checked = await project.upUntilHealthy('feedloop', 'gateway', 'prometheus')
      say(`up: ${checked} services, each healthy by its own check, and the topics made`)
      await together(say, project)
      await scraped(say, project)
    } finally {
      await project.down()
    }
  },
}

/** A part of its own, since its image is to be had from a registry only. */
export const grafanaPart: Part = {
  name: 'grafana',
  async run(say) {
    await requireImage('grafana')
    const project = projectOf(oneProcess, {})
    try {
      await project.compose('up', '--detach', '--no-build', '--no-deps', '--wait', 'grafana')
      const search = await project.compose(
        'exec',
        '-T',
        'grafana',
        'wget',
        '-q',
        '-O',
        '-',
        'http://127.0.0.1:3000/api/search?type=dash-db',
      )
      const boards: readonly { readonly title: string }[] = JSON.parse(search)
      assert.ok(boards.length > 0)
      say(`Grafana healthy, with ${boards.map(({ title }) => title).join(', ')}`)
    } finally {
      await project.down()
    }
  },
}

async function wellFormed(say: Say): Promise<void> {
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
}

async function together(say: Say, { compose, fetchIn, traffic, audit }: Project): Promise<void> {
  const metrics = await fetchIn('feedloop', '/metrics')
  for (const { stage } of pipeline.filter(({ runs }) => runs === 'chain'))
    assert.match(metrics, new RegExp(`^feedloop_tasks\\{stage="${stage}",state="running"\\} [1-9]`, 'm'))
  const isThere = "process.exit(fs.existsSync('/var/lib/feedloop/feedloop./joiner/0/data/data.mdb') ? 0 : 1)"
  await compose('exec', '-T', 'feedloop', 'node', '-e', isThere)
  await compose('exec', '-T', 'kafka', 'test', '-d', '/var/lib/kafka/data/__cluster_metadata-0')
  say('every chained stage runs; local state of the joiner and log of the broker, each in its volume')
  const decisions = await traffic(15)
  assert.ok(decisions > 100, `${decisions} decisions`)
  await audit()
  say(`${decisions} decisions in 15 s for made-up people, and the audit balances`)
}

async function scraped(say: Say, { compose }: Project): Promise<void> {
  const query = async (expression: string): Promise<string> =>
    compose('exec', '-T', 'prometheus', 'promtool', 'query', 'instant', 'http://127.0.0.1:9090', expression)
  for (const end = Date.now() + SCRAPED_WITHIN_MS; ; await sleep(2000)) {
    const up = (await query('up{job="feedloop"} == 1')).trim().split('\n').filter(Boolean)
    const decided = await query('sum(feedloop_decision_seconds_count) > 100')
    if (up.length >= 2 && decided.trim() !== '') break
    if (Date.now() > end) throw new Error(`Prometheus sees ${up.length} services up, and decisions: ${decided}`)
  }
  const rules = await compose(
    'exec',
    '-T',
    'prometheus',
    'promtool',
    'check',
    'rules',
    '/etc/prometheus/feedloop.rules.yaml',
  )
  const [, count] = /(\d+) rules found/.exec(rules) ?? []
  say(`Prometheus scrapes both services and counts the decisions; it loaded ${count} rules`)
}
