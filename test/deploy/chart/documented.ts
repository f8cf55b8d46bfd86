/** Commands of Helm in the docs: complete, taken by the chart, and what the procedures around them need. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { aclsOf, type Principal } from '../../../deploy/kafka/acls.ts'
import { type TopicName, topicName } from '../../../src/pipeline.ts'
import { root, type Say, shell } from '../parts.ts'
import { chart, configOf, type Manifest, ofKind, valuesOf } from './render.ts'

const pages = ['README.md', 'docs/**/*.md', 'deploy/helm/feedloop/README.md', 'deploy/kustomize/kustomization.yaml']

interface Documented {
  readonly page: string
  readonly verb: string
  readonly args: readonly string[]
}

export async function documented(say: Say, PATH: string): Promise<void> {
  const all = globSync(pages, { cwd: root }).flatMap(commandsIn)
  for (const command of all) {
    const hooks = (await rendered(command, PATH)).map(({ metadata }) => metadata.annotations?.['helm.sh/hook'])
    // kubectl would run it as any other job, at once
    if (command.verb === 'template') assert.ok(!hooks.includes('test'), `${command.page}: renders the job of helm test`)
  }
  say(`${all.length} commands of Helm in the docs, each complete and taken by the chart`)
  await drained(all, PATH)
  say(
    'the procedure of other partitions stops all that may append to requests and events, by their rights, and starts it again',
  )
}

function commandsIn(page: string): Documented[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/helm (install|upgrade|template)\b([^`\n>]*)/g)].map(([, verb, rest]) => ({
    page,
    verb: verb!,
    args: rest!
      .trim()
      .split(/ +/)
      .map(each => each.replaceAll("'", '')),
  }))
}

/** As if it were asked for what everything-values.yaml has, where it keeps the values of a release. */
async function rendered({ page, verb, args }: Documented, PATH: string): Promise<Manifest[]> {
  const what = `${page}: helm ${verb} ${args.join(' ')}`
  const [release, path, ...options] = args
  assert.match(release ?? '', /^\w/, `${what}: no release`)
  assert.equal(join(root, path ?? ''), chart, `${what}: no chart`)
  const keeps = options.filter(each => /^--(reset-then-)?reuse-values$/.test(each))
  assert.equal(keeps.length, verb === 'upgrade' ? 1 : 0, `${what}: the values of the release`)
  const input = verb === 'upgrade' ? valuesOf('everything') : []
  const own = options.filter(each => !keeps.includes(each))
  const text = await shell('helm', ['template', release!, chart, ...input, ...own], { env: { PATH } })
  return parseAllDocuments(text)
    .map(document => document.toJS())
    .filter(Boolean)
}

/** Before topics are repartitioned nothing may append to what people ask and do. */
async function drained(all: readonly Documented[], PATH: string): Promise<void> {
  const [stop, start] = all.filter(({ page, args }) => page.endsWith('upgrade.md') && args.includes('--set'))
  const writers = async (command: Documented): Promise<string[]> => {
    const manifests = await rendered(command, PATH)
    const deployments = ofKind(manifests, 'Deployment')
    const config = configOf(manifests, deployments[0].spec.template.spec.containers[0].env)
    const watched = ['requests', 'events'].map(topic => topicName(config.topics.prefix, topic as TopicName))
    return deployments
      .map(({ metadata }) => metadata.labels['app.kubernetes.io/component'] as Principal)
      .filter(each => aclsOf(each, config).some(acl => watched.includes(acl.name) && acl.operations.includes('Write')))
  }
  assert.deepEqual(await writers(stop!), [], 'docs/upgrade.md: they still append')
  const [, , , ...set] = start!.args
  assert.deepEqual(await writers({ ...stop!, args: [...stop!.args, ...set] }), ['intake', 'gateway'])
  const steps = readFileSync(join(root, 'docs', 'repartition.md'), 'utf8')
  const first = /^1\. .*$/m.exec(steps)![0]
  for (const each of ['intake', 'gateway', 'feedloop watch']) assert.ok(first.includes(each), `repartition.md: ${each}`)
}
