/** `feedloop/client` as those have it who installed the package: packed, unpacked into a node_modules, imported and type-checked there. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openWorld } from './world.ts'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

const caller = `import { createClient, FeedloopProblem, type Answer, type EventOptions } from 'feedloop/client'

const client = createClient({ url: process.argv[2]!, timeoutMs: 10_000 })
const slate: Answer = await client.recommend({ user_id: 'ann', slots: 2 })
const click: EventOptions = { user_id: 'ann', type: 'click', item_id: slate.items[0] ?? null }
if (slate.logged) await client.tell([{ ...click, decision_id: slate.decision_id }])
await client.recommend({ user_id: '' }).catch((error: unknown) => {
  if (!(error instanceof FeedloopProblem)) throw error
  process.stdout.write([slate.items.length, error.code].join())
})
`
/** What the compiler must refuse: the types are those of the records, and not any. */
const wrong = `import { createClient } from 'feedloop/client'

await createClient({ url: '' }).recommend({ user_id: 1 })
`
const tsconfig = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  },
  include: ['*.ts'],
}

test('the packed client is imported, calls, and has its types', { timeout: 120_000 }, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'feedloop-package-'))
  t.after(() => rm(folder, { recursive: true }))
  const installed = join(folder, 'node_modules/feedloop')
  await mkdir(installed, { recursive: true })
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[')))
  await run('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'])
  const { bin } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  assert.equal(bin, undefined, 'no command: Node strips no types below node_modules')
  const packed = await readdir(installed)
  assert.deepEqual(
    packed.filter(name => !['LICENSE', 'README.md', 'package.json'].includes(name)),
    ['dist'],
  )
  const write = (name: string, content: string) => writeFile(join(folder, name), content)
  await write('package.json', '{ "type": "module" }')
  await write('tsconfig.json', JSON.stringify(tsconfig))
  await write('caller.ts', caller)
  const check = () => run(join(root, 'node_modules/.bin/tsc'), ['-p', folder])
  await check()
  const world = await openWorld(t)
  const called = await run(process.execPath, [join(folder, 'caller.ts'), world.url])
  assert.equal(called.stdout, '2,RECORD_INVALID')
  await write('wrong.ts', wrong)
  await assert.rejects(check(), ({ stdout: said }) => /wrong\.ts.*user_id|wrong\.ts.*not assignable/.test(said))
})
