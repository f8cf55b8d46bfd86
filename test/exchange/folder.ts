/** A folder for a test's files, gone after it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}
