/** What a process has used so far, from /proc: Linux only. */
import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second whatever the kernel's own clock (USER_HZ). */
const MS_A_TICK = 10

/** User and system time of all its threads, ms; 0 once it is gone. */
export function cpuMsOf(pid: number): number {
  const [, fields] = statOf(pid)
  return fields ? (Number(fields[11]) + Number(fields[12])) * MS_A_TICK : 0
}

/** The most memory that it ever held, MiB. */
export function peakMiBOf(pid: number): number {
  const status = readOr(`/proc/${pid}/status`, '')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024
}

/** The child of this process with `word` in its command line. */
export function childWith(word: string): number | undefined {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.find(pid => {
    const [, fields] = statOf(pid)
    return Number(fields?.[1]) === process.pid && readOr(`/proc/${pid}/cmdline`, '').split('\0').includes(word)
  })
}

/** Name, and the fields of `stat` from the third on (the name may hold spaces). */
function statOf(pid: number): [string, string[] | undefined] {
  const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(readOr(`/proc/${pid}/stat`, '')) ?? []
  return [name ?? '', rest?.split(' ')]
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}
