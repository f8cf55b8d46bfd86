/** The commands of docs/exchange.md as they stand there, against a real Kafka, and how they fail. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { decodeSafetensors, encodeSafetensors } from '../../src/exchange/weights/safetensors.ts'
import { encodeTensor } from '../../src/learner/tensors.ts'
import { initialParameters, parameterNames, parameterShapes } from '../../src/learner/towers/parameters.ts'
import { encodeTraining, startTraining } from '../../src/learner/towers/training.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { versionOf } from '../learner/examples.ts'
import { linesOf } from './docs.ts'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-exchange-'))
after(() => rmSync(folder, { recursive: true }))
const main = join(import.meta.dirname, '../../src/main.ts')
const shape = { stateDimensions: 6, itemDimensions: 3, hidden: 5, embedding: 4, heads: 2 }

const start = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })

async function feedloop(args: readonly string[]) {
  const child = start(args)
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

before(async () => {
  const config = {
    topics: { prefix: `exchange-${randomBytes(4).toString('hex')}.`, partitions: 2 },
    features: { dimensions: 3 },
    state: { blocks: ['history', 'context'], contextDimensions: 2 },
    policies: [{ algorithm: 'two-tower', explorer: { name: 'softmax' }, twoTower: { hidden: 5, embedding: 4 } }],
  }
  // JSON is YAML
  writeFileSync(join(folder, 'feedloop.yaml'), JSON.stringify(config))
  const { code, stderr } = await feedloop(['topics', 'apply', '-c', 'feedloop.yaml'])
  assert.equal(code, 0, stderr)
})

/** A version as a training keeps it. */
async function putTraining(): Promise<void> {
  const { encode } = await createWire({ prefix: '' })
  const checkpoint = { baseVersion: null, ...encodeTraining(startTraining(shape, 5), shape) }
  const version = versionOf(checkpoint, { version: '000000000012', algorithm: 'two-tower' })
  mkdirSync(join(folder, 'training'))
  writeFileSync(join(folder, 'training', 'version-000000000012.avro'), encode('models', version))
  writeFileSync(join(folder, 'part.avro'), encode('models', { ...version, base_version: '000000000011' }))
}

const foreign = (): Buffer => {
  const weights = initialParameters(shape, 3)
  const shapes = parameterShapes(shape)
  return encodeSafetensors(parameterNames.map(name => encodeTensor(`weights/${name}`, weights[name], shapes[name])))
}

test('before there is a version', async () => {
  const { code, stderr } = await feedloop(['weights', 'export', '-c', 'feedloop.yaml', '--out', 'none.safetensors'])
  assert.equal(code, 1)
  assert.match(stderr, /^DATA_MISSING: a version of default is not in the log/)
  assert.ok(!existsSync(join(folder, 'none.safetensors')))
})

test('the commands that end, in their order', async () => {
  writeFileSync(join(folder, 'foreign.safetensors'), foreign())
  await putTraining()
  const first = await feedloop(['weights', 'import', 'foreign.safetensors', '-c', 'feedloop.yaml'])
  assert.deepEqual([first.code, first.stdout], [0, 'foreign.safetensors is version 000000000001 of default\n'])
  const said: string[] = []
  for (const args of linesOf('feedloop').filter(([command]) => command !== 'environment')) {
    const { code, stdout, stderr } = await feedloop(args)
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    said.push(stdout)
  }
  assert.match(said[0], /^version 000000000001 of default: \d+ bytes in model.safetensors\n$/)
  assert.match(said[1], /^version 000000000001 of default: \d+ bytes in model.onnx\n$/)
  assert.equal(said[2], 'model.safetensors is version 000000000002 of default\n')
  assert.match(said[3], /^version 000000000012 of default: \d+ bytes in trained.safetensors\n$/)
  assert.equal(said[4], '0 transitions of 0 revisions in transitions.parquet\n')
  const { tensors, metadata } = decodeSafetensors(readFileSync(join(folder, 'model.safetensors')))
  assert.deepEqual([tensors.length, metadata.get('algorithm')], [3 * parameterNames.length, 'two-tower'])
  const own = decodeSafetensors(foreign()).tensors
  for (const { name, data } of own) assert.deepEqual(tensors.find(each => each.name === name)?.data, data, name)
})

test('what was trained offline is served', async () => {
  const { code, stdout } = await feedloop(['weights', 'import', 'trained.safetensors', '-c', 'feedloop.yaml'])
  assert.deepEqual([code, stdout], [0, 'trained.safetensors is version 000000000003 of default\n'])
})

test('a file of another kind: one line, and 1', async () => {
  for (const [args, message] of [
    [['weights', 'export', '--out', 'model.pt'], /^USAGE: --out model.pt: .safetensors or .onnx\n$/],
    [['weights', 'import', 'feedloop.yaml'], /^SAFETENSORS_INVALID: [^\n]*\n$/],
    [['weights', 'import', 'absent.safetensors'], /^DATA_MISSING: absent.safetensors: [^\n]*\n$/],
    [
      ['weights', 'export', '--file', 'part.avro', '--out', 'a.onnx'],
      /^MODEL_INCOMPATIBLE: part.avro: version 000000000012 builds on 000000000011\n$/,
    ],
    [['weights', 'export', '--file', 'foreign.safetensors', '--out', 'a.onnx'], /^WIRE_UNKNOWN_FRAMING: [^\n]*\n$/],
    [['weights', 'export', '7', '--file', 'part.avro', '--out', 'a.onnx'], /^USAGE: 7 or --file, not both\n$/],
    [['transitions', 'export', '--out', 'rows.csv'], /^USAGE: --out rows.csv does not end in .parquet\n$/],
    [['environment', 'serve', 'nowhere'], /^USAGE: no environment nowhere: [^\n]*\n$/],
  ] as const) {
    const config = args[0] === 'environment' ? [] : ['-c', 'feedloop.yaml']
    const { code, stdout, stderr } = await feedloop([...args, ...config])
    assert.deepEqual([code, stdout], [1, ''], args.join(' '))
    assert.match(stderr, message)
  }
})

test('an environment is served until it is told to end', async () => {
  const [args] = linesOf('feedloop').filter(([command]) => command === 'environment')
  // any free port: the one in the documentation may be taken here
  const child = start(args.with(args.indexOf('--port') + 1, '0'))
  const stderr = text(child.stderr!)
  const [line] = (await once(child.stdout!.setEncoding('utf8'), 'data')) as [string]
  const [, name, url] = /^(\S+) at (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line) ?? []
  const described = (await (await fetch(`${url}/v1/environment`)).json()) as { name: string }
  assert.equal(described.name, name)
  child.kill('SIGTERM')
  await once(child, 'close')
  assert.deepEqual([child.exitCode, await stderr], [0, ''])
})
