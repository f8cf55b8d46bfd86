/** The project's own source files with what they import, for tests about the shape of the code. */
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

const root = new URL('../../', import.meta.url)

export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string
  readonly text: string
  /** Imported modules: project files by their path, packages and `node:` modules by name. */
  readonly imports: readonly Import[]
}

export interface Import {
  readonly module: string
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean
}

const statement = /^\s*(?:import|export)\b(\s+type\b)?[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm
const bare = /^\s*import\s*['"]([^'"]+)['"]/gm
const dynamic = /\bimport\(\s*['"]([^'"]+)['"]/g

export const sourceFiles = (folder: string): readonly SourceFile[] =>
  globSync(`${folder}/**/*.ts`, { cwd: root })
    .map(path => path.replaceAll('\\', '/'))
    .sort()
    .map(path => {
      const text = readFileSync(new URL(path, root), 'utf8')
      return { path, text, imports: importsOf(path, text) }
    })

export function importsOf(path: string, text: string): readonly Import[] {
  const found: Import[] = []
  const add = (module: string, typeOnly: boolean) =>
    found.push({ module: module.startsWith('.') ? posix.join(posix.dirname(path), module) : module, typeOnly })
  for (const [, type, module] of text.matchAll(statement)) add(module, type !== undefined)
  for (const [, module] of text.matchAll(bare)) add(module, false)
  for (const [, module] of text.matchAll(dynamic)) add(module, false)
  return found
}
