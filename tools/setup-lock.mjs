// One process of a clone at a time: a folder that says who holds it. It gets its name by a rename, so it is never there
// without its holder; a rename onto a folder with something in it fails, so of many one succeeds.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const LOOK_MS = 200

/** Does `work` while no other process does any under the same lock, and returns its result. */
export function alone(lock, work) {
  const name = `${process.pid}-${randomBytes(4).toString('hex')}`
  const own = `${lock}.${name}`
  mkdirSync(own)
  writeFileSync(join(own, 'holder'), name)
  const graves = []
  try {
    take(lock, own, graves)
    try {
      return work()
    } finally {
      renameSync(lock, own)
    }
  } finally {
    for (const folder of [own, ...graves]) rmSync(folder, { recursive: true, force: true })
  }
}

/** Waits until `own` has the lock's name. */
function take(lock, own, graves) {
  for (let told = false; !moved(own, lock); ) {
    const holder = holderOf(lock)
    if (holder === undefined) continue
    const pid = Number.parseInt(holder, 10)
    if (isAlive(pid)) {
      if (!told) console.error(`feedloop: waiting for process ${pid}, which installs (${lock})`)
      told = true
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS)
      continue
    }
    // It stays until the end: who saw the dead holder as well, but later, must not move the lock of a living one.
    const grave = `${lock}.dead-${holder}`
    if (moved(lock, grave)) graves.push(grave)
  }
}

function moved(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    // a folder is in the way (EPERM: on Windows), or another process has moved it
    if (['EEXIST', 'ENOTEMPTY', 'EPERM', 'ENOENT'].includes(error.code)) return false
    throw error
  }
}

/** @returns undefined: the lock has just gone */
function holderOf(lock) {
  try {
    return readFileSync(join(lock, 'holder'), 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function isAlive(pid) {
  // in a container this process may have the number that a dead one had
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
