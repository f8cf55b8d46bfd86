/** The chart rendered by helm, and its manifests as objects. */
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { type Config, environmentOverrides, parseConfig } from '../../../src/config.ts'
import { root, shell } from '../parts.ts'

export const chart = join(root, 'deploy', 'helm', 'feedloop')

/** Names of the sets of values that the chart brings: `ci/<name>-values.yaml`. */
export const valueSets = globSync('ci/*-values.yaml', { cwd: chart })
  .map(path => basename(path, '-values.yaml'))
  .sort()
export const valuesOf = (set: string): string[] => ['-f', join(chart, 'ci', `${set}-values.yaml`)]

// biome-ignore lint/suspicious/noExplicitAny: what was rendered is what is tested
export type Manifest = any

/** @param release its name, or its namespace and name: `staging/r` */
export async function render(release: string, set: string, PATH: string, ...more: string[]): Promise<Manifest[]> {
  const [name, namespace = 'default'] = release.split('/').reverse() as [string, string?]
  const args = ['template', name, '-n', namespace, chart, ...valuesOf(set), ...more.flatMap(each => ['--set', each])]
  const documents = parseAllDocuments(await shell('helm', args, { env: { PATH } }))
  return documents.map(document => document.toJS()).filter(Boolean)
}

/** What helm tells who installs it. */
export async function notesOf(set: string, PATH: string, ...more: string[]): Promise<string> {
  const args = ['install', 'r', chart, '--dry-run=client', ...valuesOf(set), ...more.flatMap(each => ['--set', each])]
  return (await shell('helm', args, { env: { PATH } })).split('\nNOTES:\n')[1]!
}

export const ofKind = (all: readonly Manifest[], ...kinds: string[]): Manifest[] =>
  all.filter(({ kind }) => kinds.includes(kind))
export const named = (all: readonly Manifest[], kind: string, name: string): Manifest =>
  ofKind(all, kind).find(({ metadata }) => metadata.name === name)

/** The configuration as a pod reads it: its file, then the environment. What a secret holds is made up. */
export function configOf(all: readonly Manifest[], environment: readonly Manifest[] = []): Config {
  const file = ofKind(all, 'ConfigMap').find(({ data }) => data?.['feedloop.yaml'])
  const input = parse(file.data['feedloop.yaml'])
  for (const { name, value = 'from-a-secret' } of environment)
    environmentOverrides[name as keyof typeof environmentOverrides]?.(input, value)
  return parseConfig(input)
}
