/** Processes that died at a store's files before they wrote to them: damage that no look at the files shows kills who reads it. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Deaths between opening and the first write, without one that got there, after which the files are not to be believed. */
export const CRASHES = 5

const markerIn = (folder: string): string => join(folder, 'opening')

/** Counts this opening until it is forgotten. @returns those before it */
export function noteOpening(folder: string): number {
  mkdirSync(folder, { recursive: true })
  const marker = markerIn(folder)
  const before = existsSync(marker) ? Number(readFileSync(marker, 'utf8')) : 0
  writeFileSync(marker, String(before + 1))
  return before
}

export const forgetCrashes = (folder: string): void => rmSync(markerIn(folder), { force: true })
