/** Images that the compose file names: had from a registry, or, of what Debian packages, made here and said to be so. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root, type Say, shell } from '../parts.ts'

const { services } = parse(readFileSync(join(root, 'deploy', 'compose.yaml'), 'utf8'))

/** `${NAME:-image}` without the environment. */
const defaultOf = (service: string): string => services[service].image.replace(/^\$\{\w+:-(.*)\}$/, '$1')

const succeeds = (...args: string[]): Promise<boolean> =>
  shell('docker', args, { timeoutMs: 5 * 60_000 }).then(
    () => true,
    () => false,
  )

export const isHere = async (image: string): Promise<boolean> =>
  (await succeeds('image', 'inspect', image)) || (await succeeds('pull', '--quiet', image))

/** The image of Kafka must be here: nothing else can take its place. @throws Error that says how to get it */
export async function requireImage(service: string): Promise<string> {
  const image = defaultOf(service)
  if (await isHere(image)) return image
  throw new Error(`no image ${image}, and no registry gave it: \`docker load\` one, or --only another part`)
}

const debianPrometheus = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
`

/** Prometheus: its own image, else Debian's package in one. */
export async function prometheusImage(say: Say): Promise<string> {
  const image = defaultOf('prometheus')
  if (await isHere(image)) return image
  const tag = 'feedloop-deploy-test-prometheus'
  await shell('docker', ['build', '--quiet', '--network', 'host', '-t', tag, '-'], { input: debianPrometheus })
  say(`NOT REAL: ${image} could not be had, so Debian's package of Prometheus takes its place`)
  return tag
}
