/** Certificates for tests, by openssl: an authority, and whom it vouches for. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Pair {
  readonly certFile: string
  readonly keyFile: string
}

export interface Authority {
  readonly caFile: string
  /** A certificate of this machine's loopback addresses. @param days that it holds from now on; below 0: it ended so long ago */
  issue(name: string, days?: number): Pair
  remove(): void
}

function openssl(args: readonly string[]): void {
  try {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error('openssl is needed (Debian and Ubuntu: the package openssl)')
  }
}
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export function createAuthority(name = 'feedloop-test'): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-ca-'))
  const path = (file: string) => join(folder, file)
  const [caFile, caKey] = [path('ca.pem'), path('ca-key.pem')]
  openssl(['req', '-x509', ...key, '-keyout', caKey, '-out', caFile, '-days', '2', '-subj', `/CN=${name}`])
  return {
    caFile,
    issue(subject, days = 2) {
      const [certFile, keyFile, request, extensions] = ['pem', 'key', 'csr', 'ext'].map(end =>
        path(`${subject}.${end}`),
      )
      openssl(['req', ...key, '-keyout', keyFile, '-out', request, '-subj', `/CN=${subject}`])
      writeFileSync(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
      const signed = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-extfile', extensions]
      openssl(['x509', '-req', '-in', request, '-out', certFile, ...signed, '-days', String(days)])
      return { certFile, keyFile }
    },
    remove: () => rmSync(folder, { recursive: true }),
  }
}
