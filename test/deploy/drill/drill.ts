/**
 * The drill: faults are made on a running loop one after the other, and each alert fires when its condition is there, and not before. The
 * rules are the real ones, by real expressions; what takes hours (windows of PromQL, `for`, what is called long ago) takes seconds.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { thresholds } from '../../../deploy/generate/alerts/alert.ts'
import { alertRules } from '../../../deploy/generate/alerts/rules.ts'
import type { Part, Say } from '../parts.ts'
import { type Prometheus, startPrometheus } from '../prometheus.ts'
import { type Fault, faults } from './faults.ts'
import { type Loop, openLoop } from './loop.ts'

const LIMIT_MS = 120_000
/** A loop that is well shows no alert for so long. */
const SOUND_MS = 20_000

/** Only times: what is wrong must be as wrong as ever. */
const soon = { ...thresholds, lagSeconds: 10, heartbeatSeconds: 15, auditSeconds: 30 }

const windows: Readonly<Record<string, string>> = {
  '5m': '5s',
  '10m': '5s',
  '15m': '5s',
  '30m': '10s',
  '1h': '20s',
  '2h': '20s',
  '6h': '60s',
  '1d': '90s',
  '3d': '90s',
  '7d': '300s',
}
const shortened = (expr: string): string =>
  expr.replace(/(?<=\[|offset )\d+[smhd]\b/g, window => {
    assert.ok(window in windows, window)
    return windows[window]!
  })

const groups = () =>
  alertRules(soon).map(({ name, rules }) => ({
    name,
    rules: rules.map(({ for: _, ...rule }) => ({ ...rule, expr: shortened(rule.expr) })),
  }))

const nameOf = (alert: string): string => alert.replace(/^Feedloop/, '')
const all = [...new Set(alertRules().flatMap(({ rules }) => rules.map(({ alert }) => nameOf(alert))))]

export const drillPart: Part = {
  name: 'drill',
  async run(say) {
    const seen = faults.flatMap(({ fires, leaves = [] }) => [...fires, ...leaves])
    assert.deepEqual(seen.toSorted(), all.toSorted(), 'each alert is seen once')
    const loop = await openLoop()
    try {
      const prometheus = await startPrometheus(loop.port, groups())
      try {
        await sound(say, loop, prometheus)
        for (const fault of faults) await go(say, loop, prometheus, fault)
      } finally {
        await prometheus.stop()
      }
    } finally {
      await loop.close()
    }
  },
}

const allFiring = async (prometheus: Prometheus) =>
  (await prometheus.alerts()).filter(({ state }) => state === 'firing').map(({ labels }) => labels)
const firing = async (prometheus: Prometheus): Promise<Set<string>> =>
  new Set((await allFiring(prometheus)).map(({ alertname }) => nameOf(alertname!)))

async function sound(say: Say, { context }: Loop, prometheus: Prometheus): Promise<void> {
  await until('versions that serve', async () => {
    const text = await context.meter.registry.metrics()
    return /^feedloop_model_version\{stage="ranker",policy="default"\} [1-9]/m.test(text) ? [] : ['none']
  })
  // a counter's first sight is no increase: without `for`, a loop that begins looks as if it stood
  const both = shortened('increase(feedloop_learner_updates_total[15m]) > 0')
  await until('versions of both policies that Prometheus sees', async () =>
    (await prometheus.query(both)).length === 2 ? [] : ['none'],
  )
  await until('an alert on a loop that begins', async () => [...(await firing(prometheus))])
  for (const end = Date.now() + SOUND_MS; Date.now() < end; await sleep(500))
    assert.deepEqual(await allFiring(prometheus), [], 'a sound loop')
  say(`a sound loop: none of ${all.length} alerts fires in ${SOUND_MS / 1000} s`)
}

async function go(say: Say, loop: Loop, prometheus: Prometheus, fault: Fault): Promise<void> {
  const { what, fires, leaves = [] } = fault
  const fired = new Set<string>()
  /** Each at some time: that of one may be over when that of another begins. */
  const allFire = (names: readonly string[]) => async () => {
    for (const name of await firing(prometheus)) fired.add(name)
    return names.filter(name => !fired.has(name))
  }
  await until(`${what}: an alert that fires before`, async () => {
    const now = await firing(prometheus)
    return [...fires, ...leaves].filter(name => now.has(name))
  })
  const end = await fault.make(loop)
  await until(`${what}: an alert that does not fire`, allFire(fires))
  await end()
  await until(`${what}, when it is over: an alert that does not fire`, allFire(leaves))
  say(`${what}: ${fires.join(', ')}${leaves.length > 0 ? `; when it is over: ${leaves.join(', ')}` : ''}`)
}

async function until(what: string, missing: () => Promise<readonly string[]>): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(250)) {
    const left = await missing()
    if (left.length === 0) return
    assert.ok(Date.now() < deadline, `${what}: ${left.join(', ')}`)
  }
}
