/**
 * The schemas that ship with the project: the current ones (schemas/*.avsc) and those of every release
 * (schemas/released/VERSION/*.avsc), so that records of older writers are understood without a registry. A released
 * schema is never edited; test/wire/compatibility.test.ts holds the current ones against them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type avro from 'avsc'
import { compile } from './types.ts'

const folder = new URL('../../../schemas/', import.meta.url)

export interface Shipped {
  /** Record name, e.g. `Request`. */
  readonly name: string
  /** The .avsc, parsed. */
  readonly schema: unknown
  readonly type: avro.Type
}

const parse = (url: URL): unknown => JSON.parse(readFileSync(url, 'utf8'))

function read(url: URL): Shipped[] {
  return readdirSync(url)
    .filter(file => file.endsWith('.avsc'))
    .map(file => {
      const schema = parse(new URL(file, url))
      return { name: file.slice(0, -'.avsc'.length), schema, type: compile(schema) }
    })
}

/** The .avsc of one record, parsed. */
export const currentSchema = (name: string): unknown => parse(new URL(`${name}.avsc`, folder))

export const currentSchemas = (): Shipped[] => read(folder)

/** Releases with schemas, oldest first. */
export const releases = (): string[] =>
  readdirSync(new URL('released/', folder)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))

export const releasedSchemas = (release: string): Shipped[] => read(new URL(`released/${release}/`, folder))
