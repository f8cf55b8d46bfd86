// Brings a fresh clone to where every command works: installs the locked packages once, and again when the lock
// file changed. Runs on any Node >= 20; everything else runs on the Node 24 that the packages bring along.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamp = join(root, 'node_modules', '.feedloop-setup')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const present = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
const nodeWorks = () => spawnSync(join(root, 'node_modules', '.bin', 'node'), ['--version']).status === 0

if (!present || !nodeWorks()) {
  const folder = lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })
  if (folder?.isSymbolicLink()) {
    console.error(
      'feedloop: node_modules is a link to packages of another lock file, and npm ci would empty that folder: remove the link',
    )
    process.exit(1)
  }
  console.error('feedloop: installing the locked packages (once; about a minute) …')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0 || !nodeWorks()) {
    console.error('feedloop: npm ci failed; its messages are above')
    process.exit(npm.status || 1)
  }
  writeFileSync(stamp, wanted)
}
