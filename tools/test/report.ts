/** What `npm test` prints: a line for each suite as it ends, failures in full, the sum in the last line. */
import type { Outcome } from './suite.ts'

export interface Report {
  add(outcome: Outcome): void
  /** A suite that could not be run at all. */
  refused(name: string, reason: string): void
  note(text: string): void
  /** Prints what was skipped and the sum; true when nothing failed. */
  end(): boolean
}

export function createReport(print: (text: string) => void = text => console.log(text)): Report {
  let passed = 0
  let failed = 0
  const skipped: string[] = []

  const line = (outcome: Outcome) => {
    const mark = outcome.failures.length === 0 ? 'ok  ' : 'FAIL'
    const counts = [`${outcome.passed} passed`]
    if (outcome.failures.length > 0) counts.push(`${outcome.failures.length} failed`)
    if (outcome.skipped.length > 0) counts.push(`${outcome.skipped.length} skipped`)
    print(`${mark} ${outcome.seconds.toFixed(1).padStart(6)} s  ${outcome.name}  ${counts.join(', ')}`)
  }
  const add = (outcome: Outcome) => {
    line(outcome)
    for (const failure of outcome.failures) print(indent(`${failure.name}\n${failure.error.trimEnd()}`))
    if (outcome.failures.length > 0 && outcome.output.trim()) print(indent(`it printed:\n${outcome.output.trimEnd()}`))
    passed += outcome.passed
    failed += outcome.failures.length
    skipped.push(...outcome.skipped)
  }
  return {
    add,
    refused: (name, reason) =>
      add({ name, seconds: 0, passed: 0, failures: [{ name, error: reason }], skipped: [], output: '' }),
    note: print,
    end() {
      for (const name of skipped) print(`skipped, not counted: ${name}`)
      print(`${passed} passed, ${failed} failed`)
      return failed === 0
    },
  }
}

const indent = (text: string) => text.replace(/^/gm, '       ')
