// Adds to package-lock.json the optional packages of other platforms that the registry in use did not offer: npm >= 11
// refuses to `npm ci` from a lock file that lacks them. Run after `npm install` behind such a registry; changes nothing
// else. Entries made here have no integrity; an `npm install` with the public registry fills it in.
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))
const exact = /^\d+\.\d+\.\d+\S*$/
for (const parent of Object.values(lock.packages).filter(entry => entry.version))
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {}))
    if (exact.test(version) && !lock.packages[`node_modules/${name}`])
      lock.packages[`node_modules/${name}`] = {
        version,
        ...(parent.dev && { dev: true }),
        optional: true,
        ...platform(name),
      }
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)

/** What the name says of where the package belongs: without it npm would try to install it everywhere. */
function platform(name) {
  const [, os, cpu] = /(android|darwin|freebsd|linux|openbsd|win32)-(arm64|arm|x64|ia32)/.exec(name) ?? []
  return os ? { os: [os], cpu: [cpu], ...(name.endsWith('musl') && { libc: ['musl'] }) } : {}
}
