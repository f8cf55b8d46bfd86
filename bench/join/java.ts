/** The Java peers: built by Maven once a version into the user's cache, run by the Java that is there. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../../src/log/kafka/broker/program.ts'

const folder = fileURLToPath(new URL('../peers/', import.meta.url))
const sources = ['pom.xml', 'src/main/java/feedloop/Streams.java', 'src/main/java/feedloop/Copy.java']

const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java'

export type Peer = 'Streams' | 'Copy'

/** Builds when needed; returns how a peer is run: program and arguments.
 * @throws FeedloopError BUS_UNAVAILABLE without a Java development kit or Maven */
export async function buildPeers(): Promise<(peer: Peer, args: readonly string[]) => readonly [string, string[]]> {
  const content = sources.map(file => readFileSync(join(folder, file)))
  const version = createHash('sha256').update(Buffer.concat(content)).digest('hex').slice(0, 12)
  const built = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'feedloop', `peers-${version}`)
  if (!existsSync(built)) await build(built)
  const classPath = `${join(built, 'classes')}:${join(built, 'lib', '*')}`
  return (peer, args) => [java, ['-Xms256m', '-Xmx1g', '-cp', classPath, `feedloop.${peer}`, ...args]]
}

async function build(into: string): Promise<void> {
  const unfinished = `${into}.${process.pid}`
  const goals = ['package', 'dependency:copy-dependencies', '-DincludeScope=runtime']
  const places = [`-Dbuilt.in=${unfinished}`, `-DoutputDirectory=${join(unfinished, 'lib')}`]
  await runProgram('mvn', ['-q', '-B', '-f', join(folder, 'pom.xml'), ...goals, ...places], 'Maven')
  if (existsSync(into)) rmSync(unfinished, { recursive: true })
  else renameSync(unfinished, into)
}
