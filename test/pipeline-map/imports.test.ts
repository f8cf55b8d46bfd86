/**
 * Who may know whom, derived from src/pipeline.ts:
 * - the stages' folders stand in the order of the pipeline; one may use what an earlier one defines, never a later one;
 * - what flows between them and what all use (log, wire, state, events, recommendations, models, wasm, tracing) knows no stage;
 * - the rim (commands, operate, demo, environments, evaluation, exchange, simulation) may know everything, and only the wiring of a stage
 *   (service.ts, worker.ts) may know the rim, of which it gets its context;
 * - the parts of the configuration are known to src/config.ts alone;
 * - `src/log/kafka/` alone knows Kafka;
 * - a step, with everything that it pulls in, does no I/O and knows neither clock nor chance.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pipeline } from '../../src/pipeline.ts'
import { type Import, importsOf, type SourceFile, sourceFiles } from './sources.ts'

/** Exceptions, each with its reason. One that nothing uses any more fails the test. */
const allowed: Readonly<Record<string, string>> = {
  'models -> learner': 'a checkpoint is read with the code that lays it out and updates it',
}

const files = sourceFiles('src')
const folderOf = (path: string) => (path.split('/').length > 2 ? path.split('/')[1] : '')
const stages: readonly string[] = pipeline.map(entry => folderOf(entry.step))
const shared = ['log', 'state', 'events', 'recommendations', 'models', 'wasm', 'tracing']
const rim = [
  'commands',
  'operate',
  'demo',
  'environments',
  'evaluation',
  'exchange',
  'simulation',
  'tabular',
  'training',
]
const parts = ['config']
const isWiring = (path: string) => /\/(service|worker)\.ts$/.test(path)

/** The reason why `from` may not import `to`, if there is one. */
function objection(from: SourceFile, to: string): string | undefined {
  const [here, there] = [folderOf(from.path), folderOf(to)]
  if (here === there || there === '') return undefined
  if (parts.includes(there)) return here === '' ? undefined : `a part of src/${there}.ts`
  const isStage = stages.includes(here)
  if (isStage && stages.indexOf(there) > stages.indexOf(here)) return 'a later stage'
  if (shared.includes(here) && stages.includes(there)) return 'a stage'
  if (here === 'log') return 'something outside the log'
  const rimOfWiring = isStage && isWiring(from.path) && there === 'operate'
  if ((isStage || shared.includes(here)) && rim.includes(there) && !rimOfWiring) return 'the rim'
  return undefined
}

describe('imports', () => {
  test('every folder has its place in the rule', () => {
    const known = ['', ...stages, ...shared, ...rim, ...parts]
    for (const { path } of files) assert.ok(known.includes(folderOf(path)), `src/${folderOf(path)} has no place above`)
  })
  test('no stage knows a later one, nothing shared knows a stage, nothing pure knows the rim', () => {
    const used = new Set<string>()
    for (const file of files)
      for (const { module } of file.imports.filter(isOurs)) {
        const reason = objection(file, module)
        const edge = `${folderOf(file.path)} -> ${folderOf(module)}`
        if (reason && edge in allowed) used.add(edge)
        else assert.equal(reason, undefined, `${file.path} imports ${module}: ${reason}`)
      }
    assert.deepEqual([...used].sort(), Object.keys(allowed).sort())
  })
  test('the batch join, which judges the joiner, is made of nothing that the joiner is made of', () => {
    const own = files.filter(file => /^src\/evaluation\/batch[^/]*$/.test(file.path))
    assert.ok(own.length > 0)
    for (const { path, imports } of own)
      for (const { module } of runtime(imports)) assert.notEqual(folderOf(module), 'transitions', path)
  })
  test('only src/log/kafka/ knows Kafka', () => {
    for (const { path, imports } of files)
      for (const { module } of imports)
        assert.ok(!/^kafkajs\b/.test(module) || path.startsWith('src/log/kafka/'), `${path} imports ${module}`)
  })
  const cases: readonly [string, string, string | undefined][] = [
    ['src/ranker/step.ts', 'src/learner/learner.ts', 'a later stage'],
    ['src/learner/step.ts', 'src/features/store.ts', undefined],
    ['src/state/user.ts', 'src/ranker/step.ts', 'a stage'],
    ['src/log/log.ts', 'src/state/user.ts', 'something outside the log'],
    ['src/gate/step.ts', 'src/operate/context.ts', 'the rim'],
    ['src/gate/service.ts', 'src/operate/context.ts', undefined],
    ['src/gate/service.ts', 'src/commands/run.ts', 'the rim'],
    ['src/models/load.ts', 'src/evaluation/audit.ts', 'the rim'],
    ['src/demo/loop.ts', 'src/gate/service.ts', undefined],
    ['src/gate/step.ts', 'src/errors.ts', undefined],
    ['src/config.ts', 'src/config/policy.ts', undefined],
    ['src/gate/step.ts', 'src/config/units.ts', 'a part of src/config.ts'],
  ]
  for (const [from, to, reason] of cases)
    test(`${from} -> ${to}: ${reason ?? 'allowed'}`, () => {
      assert.equal(objection({ path: from, text: '', imports: [] }, to), reason)
    })
  test('the reading of import statements', () => {
    const text = [
      "import type { A } from './a.ts'",
      "import {\n  type B,\n  c,\n} from '../b.ts'",
      "export { d } from './d.ts'",
      "import 'bare'",
      "const late = await import('./late.ts')",
    ].join('\n')
    const modules = importsOf('src/x/y.ts', text).map(({ module, typeOnly }) => `${module}${typeOnly ? ' type' : ''}`)
    assert.deepEqual(modules, ['src/x/a.ts type', 'src/b.ts', 'src/x/d.ts', 'bare', 'src/x/late.ts'])
  })
})

const inputOutput =
  /^(node:)?(fs|net|tls|http|https|http2|dns|dgram|child_process|worker_threads|timers|readline|process|os)(\/|$)/
const services = /^(@?kafkajs|pino|fastify|prom-client|testcontainers)\b/
const impure =
  /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|process\.env|setTimeout\(|setInterval\(|fetch\()/

/** Files whose chance or I/O shows in no result, each with its reason. */
const unseen: Readonly<Record<string, string>> = {
  'src/state/packed/hash.ts': 'chance is the seed of a hash: where in memory an entry is',
  'src/log/wire/schemas.ts': 'reads the schemas that ship with the code: constants',
}

describe('a step is pure, with everything that it pulls in', () => {
  for (const { step } of pipeline)
    test(step, () => {
      for (const file of reachable(step)) {
        if (file.path in unseen) continue
        for (const { module } of runtime(file.imports))
          assert.ok(!inputOutput.test(module) && !services.test(module), `${file.path} imports ${module}`)
        assert.doesNotMatch(withoutComments(file.text), impure, file.path)
      }
    })
})

const isOurs = ({ module }: Import) => module.startsWith('src/')
const runtime = (imports: readonly Import[]) => imports.filter(({ typeOnly }) => !typeOnly)
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '')

function reachable(path: string, seen = new Map<string, SourceFile>()): Iterable<SourceFile> {
  const file = files.find(each => each.path === path)
  assert.ok(file, `${path} is not there`)
  if (!seen.has(path)) {
    seen.set(path, file)
    for (const { module } of runtime(file.imports).filter(isOurs)) reachable(module, seen)
  }
  return seen.values()
}
