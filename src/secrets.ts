/**
 * Secrets: read from files that the configuration names, never out of it, and kept out of every message. A file is read each time
 * that it is needed, so whoever mounts it may replace it.
 */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { FeedloopError } from './errors.ts'

/** The content of a file, without white space around it.
 * @param key of the configuration that names the file, for people
 * @throws FeedloopError SECRET_MISSING */
export function readSecret(file: string, key: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new FeedloopError('SECRET_MISSING', `${key}: ${(cause as Error).message}`, { cause })
  }
  if (text === '') throw new FeedloopError('SECRET_MISSING', `${key}: ${file} is empty`)
  return text
}

/** Files of one side of a TLS connection (src/security.ts). */
export interface TlsFiles {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly keyPasswordFile?: string
}

/** What `node:tls` takes. */
export interface TlsSecrets {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
}

/** Reads them, and sees whether they belong together.
 * @param key of the configuration that holds them
 * @throws FeedloopError SECRET_MISSING, CONFIG_INVALID */
export function readTls(files: TlsFiles, key: string): TlsSecrets {
  const content = (name: keyof TlsFiles) => files[name] && readSecret(files[name], `${key}.${name}`)
  const secrets = {
    ca: content('caFile'),
    cert: content('certFile'),
    key: content('keyFile'),
    passphrase: content('keyPasswordFile'),
  }
  try {
    createSecureContext(secrets)
  } catch (cause) {
    // OpenSSL names what is wrong and quotes nothing.
    throw new FeedloopError('CONFIG_INVALID', `${key}: ${(cause as Error).message}`, { cause })
  }
  return secrets
}

/** A url may carry `user:password@`, which no log may show. */
export const withoutPassword = (text: string): string => text.replace(/\/\/[^/@\s]*@/g, '//***@')
