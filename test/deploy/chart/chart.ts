/** The chart: without a cluster (offline.ts), then on a real Kubernetes API server (life.ts). */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { has, kubernetesTools, type Part, type Say, shell, toolsFolder } from '../parts.ts'
import { kustomized, lifecycle, manifests } from './life.ts'
import { offline } from './offline.ts'

export const chartPart: Part = {
  name: 'chart',
  async run(say) {
    const PATH = await kubernetesTools()
    await offline(say, PATH)
    await onServer(say, PATH)
  },
}

async function onServer(say: Say, PATH: string): Promise<void> {
  const script = join(toolsFolder, 'kube-up.sh')
  if (!existsSync(script))
    throw new Error(
      `no Kubernetes API server: ${script} starts one; FEEDLOOP_TOOLS names its folder (or --only another part)`,
    )
  for (const [command, where] of [
    ['etcd', 'Debian: etcd-server'],
    ['go', 'go.dev'],
    ['openssl', 'openssl'],
  ])
    if (!(await has(command)))
      throw new Error(`no ${command}, which the API server's script needs (${where}), or --only another part`)
  const state = mkdtempSync(join(tmpdir(), 'feedloop-kube-'))
  const env = { PATH, KUBE_STATE: state, KUBECONFIG: join(state, 'admin.kubeconfig') }
  try {
    await shell('bash', [script, 'up'], { env })
    say(`Kubernetes ${await serverVersion(env)}`)
    await manifests(say, env)
    await kustomized(say, env)
    await lifecycle(say, env)
  } finally {
    await shell('bash', [script, 'down'], { env })
    rmSync(state, { recursive: true, force: true })
  }
}

const serverVersion = async (env: NodeJS.ProcessEnv): Promise<string> =>
  JSON.parse(await shell('kubectl', ['version', '-o', 'json'], { env })).serverVersion.gitVersion
