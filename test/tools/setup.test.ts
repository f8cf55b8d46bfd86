/** A fresh clone, on a fake npm: two first commands at once, what a killed one leaves, what is said of what fails. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = mkdtempSync(join(tmpdir(), 'feedloop-setup-'))
after(() => rmSync(root, { recursive: true }))
const tools = fileURLToPath(new URL('../../tools/', import.meta.url))

/** Counts its runs, waits for `go`, and installs a node, unless another does so at the same time. */
const installs = (node: string) => `echo run >> runs
mkdir busy || exit 190
until [ -e go ]; do sleep 0.02; done
mkdir -p node_modules/.bin
printf '#!/bin/sh\\n${node}\\n' > node_modules/.bin/node
chmod +x node_modules/.bin/node
rmdir busy`

function freshClone(npm: string) {
  const clone = mkdtempSync(join(root, 'clone-'))
  for (const name of ['setup.mjs', 'setup-lock.mjs']) cpSync(join(tools, name), join(clone, 'tools', name))
  writeFileSync(join(clone, 'package-lock.json'), '{}')
  mkdirSync(join(clone, 'bin'))
  writeFileSync(join(clone, 'bin', 'npm'), `#!/bin/sh\n${npm}\n`)
  chmodSync(join(clone, 'bin', 'npm'), 0o755)
  const env = { ...process.env, PATH: `${join(clone, 'bin')}${delimiter}${process.env.PATH}` }
  const script = join(clone, 'tools', 'setup.mjs')
  return {
    start: () => spawn(process.execPath, [script], { env, stdio: ['ignore', 'ignore', 'pipe'] }),
    run: () => spawnSync(process.execPath, [script], { env, encoding: 'utf8' }),
    go: () => writeFileSync(join(clone, 'go'), ''),
    runs: () => readFileSync(join(clone, 'runs'), 'utf8').split('\n').length - 1,
    lock: join(clone, '.setup-lock'),
  }
}

/** Resolves once the process says so, or ends. */
function saying(child: ChildProcess, words: RegExp): Promise<string> {
  let said = ''
  return new Promise(resolve => {
    child.once('close', () => resolve(said))
    child.stderr!.setEncoding('utf8').on('data', text => {
      said += text
      if (words.test(said)) resolve(said)
    })
  })
}

test('of two first commands one installs, and the other waits for it', async () => {
  const clone = freshClone(installs('exit 0'))
  const first = clone.start()
  const firstEnds = once(first, 'exit')
  await saying(first, /installing/)
  const second = clone.start()
  const secondEnds = once(second, 'exit')
  const said = await saying(second, new RegExp(`waiting for process ${first.pid}`))
  clone.go()
  assert.deepEqual([(await firstEnds)[0], (await secondEnds)[0], clone.runs()], [0, 0, 1], said)
  assert.ok(!existsSync(clone.lock))
  assert.equal(clone.run().stderr, '')
})

test('the lock of a process that was killed is taken over', async () => {
  const clone = freshClone(installs('exit 0'))
  const { pid } = spawnSync(process.execPath, ['--version'])
  mkdirSync(clone.lock)
  writeFileSync(join(clone.lock, 'holder'), `${pid}-00000000`)
  clone.go()
  const { status, stderr } = clone.run()
  assert.deepEqual([status, clone.runs(), existsSync(clone.lock)], [0, 1, false], stderr)
})

test('npm that fails and a node that does not run are told apart, and hold no lock', () => {
  const failing = freshClone('exit 7')
  const { status, stderr } = failing.run()
  assert.deepEqual([status, /npm ci failed/.test(stderr), existsSync(failing.lock)], [7, true, false])

  const broken = freshClone(installs('exit 1'))
  broken.go()
  const { status: code, stderr: words } = broken.run()
  assert.equal(code, 1)
  assert.match(words, /node_modules\/\.bin\/node does not run/)
  assert.doesNotMatch(words, /npm ci failed/)
})
