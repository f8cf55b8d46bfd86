// Brings a fresh clone to where every command works: installs the locked packages once, and again when the lock
// file changed. Runs on any Node >= 20; everything else runs on the Node 24 that the packages bring along.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alone } from './setup-lock.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamp = join(root, 'node_modules', '.feedloop-setup')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const nodeWorks = () => spawnSync(join(root, 'node_modules', '.bin', 'node'), ['--version']).status === 0
const isPresent = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && nodeWorks()

const fail = (message, code = 1) => {
  console.error(`feedloop: ${message}`)
  return code
}

/** @returns exit code */
function install() {
  // another process may have done it while this one waited
  if (isPresent()) return 0
  const folder = lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })
  if (folder?.isSymbolicLink())
    return fail(
      'node_modules is a link to packages of another lock file, and npm ci would empty that folder: remove the link',
    )
  console.error('feedloop: installing the locked packages (once; about a minute) …')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (npm.error) return fail(`npm does not run: ${npm.error.message}`)
  if (npm.status !== 0) return fail('npm ci failed; its messages are above', npm.status || 1)
  if (!nodeWorks()) return fail('npm ci is done, but node_modules/.bin/node does not run on this machine')
  writeFileSync(stamp, wanted)
  return 0
}

if (!isPresent()) {
  const code = alone(join(root, '.setup-lock'), install)
  if (code !== 0) process.exit(code)
}
