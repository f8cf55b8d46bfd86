/**
 * `npm run test:chaos -- [--json] [--kills 20]`: kill -9 of services on one broker.
 * `npm run test:chaos -- [--json] --minutes 5`: services and brokers killed and stopped, lines cut, on three brokers.
 * Both take `--seed 1` and `--sessions N`; exit 1 when the accounts do not balance.
 */
import { parseArgs } from 'node:util'
import { killRun } from './kill.ts'
import { isSound, stormRun } from './storm.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    kills: { type: 'string', default: '20' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    sessions: { type: 'string' },
  },
})
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const seed = Number(values.seed)

async function kills(): Promise<boolean> {
  const report = await killRun({ kills: Number(values.kills), seed, sessions: Number(values.sessions ?? 64), say })
  const { audit, kills, seconds, decisions } = report
  print(report, `${kills.length} kills in ${seconds.toFixed(0)} s, ${decisions} decisions: ${verdict(audit)}`)
  return audit.balanced
}

async function storm(minutes: number): Promise<boolean> {
  const report = await stormRun({ minutes, seed, sessions: Number(values.sessions ?? 16), say })
  const { audit, decisions, stalls, logged, learned } = report
  const faults = Object.values(report.faults).reduce((sum, count) => sum + count, 0)
  print(
    report,
    `${faults} faults in ${report.seconds.toFixed(0)} s, ${decisions} decisions, ${stalls.count} stalls (longest ${stalls.longestMs} ms), ` +
      `${learned} of ${logged} transition records learned: ${verdict(audit)}`,
  )
  return isSound(report)
}

const verdict = ({ balanced, differences }: { balanced: boolean; differences: readonly unknown[] }): string =>
  balanced ? 'balanced' : `NOT BALANCED, ${differences.length} differences`
const print = (report: unknown, line: string): void =>
  void process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${line}\n`)

process.exit((await (values.minutes ? storm(Number(values.minutes)) : kills())) ? 0 : 1)
