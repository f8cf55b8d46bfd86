/**
 * The jars of a real Kafka broker, from Maven, once a user: copied into the cache under a name made of the pom and the
 * launcher, so that a new version never meets old jars. Several processes may ask at once; one copies, the others wait.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FeedloopError } from '../../../errors.ts'
import { isAlive, runProgram } from './program.ts'

const deployFolder = fileURLToPath(new URL('../../../../deploy/kafka/', import.meta.url))
const LOCK_PAUSE_MS = 200
const LOCK_WAIT_MS = 5 * 60_000

export interface BrokerFiles {
  readonly java: string
  /** For -cp: the jars and the compiled launcher. */
  readonly classPath: string
  /** Where the class data archive of this Java is kept; it makes starts twice as fast, and it need not be there. */
  readonly archive: string
}

const javaHome = process.env.JAVA_HOME
const java = javaHome ? join(javaHome, 'bin', 'java') : 'java'

/** Copies the jars when they are not there yet.
 * @throws FeedloopError BUS_UNAVAILABLE without Java 17 or Maven, or when Maven fails */
export async function brokerFiles(): Promise<BrokerFiles> {
  const javaVersion = await checkJava()
  const [pom, launcher] = ['pom.xml', 'Broker.java'].map(name => join(deployFolder, name))
  const content = [pom, launcher].map(file => readFileSync(file))
  const version = createHash('sha256').update(Buffer.concat(content)).digest('hex').slice(0, 12)
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'feedloop', `kafka-${version}`)
  if (!existsSync(folder)) await withLock(`${folder}.lock`, () => fill(folder, pom, launcher))
  return { java, classPath: classPathOf(folder), archive: join(folder, `classes-${javaVersion}.jsa`) }
}

async function checkJava(): Promise<string> {
  const { output } = await runProgram(java, ['-version'], 'Java 17 or newer')
  const version = /version "([^"]+)"/.exec(output)?.[1] ?? ''
  if (Number.parseInt(version, 10) < 17)
    throw new FeedloopError('BUS_UNAVAILABLE', `Java 17 or newer is needed, found ${version || output}`)
  return version
}

async function fill(folder: string, pom: string, launcher: string): Promise<void> {
  if (existsSync(folder)) return
  const unfinished = `${folder}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  const copy = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${unfinished}`]
  await runProgram('mvn', copy, 'Maven')
  const classes = join(unfinished, 'classes')
  const compile = [
    '-m',
    'jdk.compiler/com.sun.tools.javac.Main',
    '-cp',
    classPathOf(unfinished),
    '-d',
    classes,
    launcher,
  ]
  await runProgram(java, compile, 'a Java development kit')
  const pack = [
    '-m',
    'jdk.jartool/sun.tools.jar.Main',
    '--create',
    '--file',
    join(unfinished, 'launcher.jar'),
    '-C',
    classes,
    '.',
  ]
  await runProgram(java, pack, 'a Java development kit')
  rmSync(classes, { recursive: true })
  renameSync(unfinished, folder)
}

/** Jars by name and no folder: a class data archive holds for one order of jars, and for no folder at all. */
const classPathOf = (folder: string): string =>
  readdirSync(folder)
    .filter(name => name.endsWith('.jar'))
    .sort()
    .map(name => join(folder, name))
    .join(delimiter)

/** One process at a time; the lock of a process that is gone does not count. */
async function withLock(file: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(dirname(file), { recursive: true })
  const giveUpAt = Date.now() + LOCK_WAIT_MS
  while (!tryLock(file)) {
    if (Date.now() > giveUpAt) throw new FeedloopError('BUS_UNAVAILABLE', `another process has held ${file} for long`)
    await pause(LOCK_PAUSE_MS)
  }
  try {
    await work()
  } finally {
    rmSync(file, { force: true })
  }
}

/** Takes the lock, or removes one whose holder is gone, for the next attempt. */
export function tryLock(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (!isHeld(file)) rmSync(file, { force: true })
    return false
  }
}

/** A lock that is just being written or removed counts as held: it is looked at again. */
function isHeld(file: string): boolean {
  try {
    const holder = readFileSync(file, 'utf8')
    return holder === '' || isAlive(Number(holder))
  } catch {
    return true
  }
}
