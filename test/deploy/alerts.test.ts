/** Every alert has a runbook and is tried both ways, and what runbooks name is there. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { thresholds } from '../../deploy/generate/alerts/alert.ts'
import { alertRules } from '../../deploy/generate/alerts/rules.ts'
import { configSchema } from '../../src/config.ts'
import { errorTable } from '../../src/errors.ts'
import { metricTable } from '../../src/metric-table.ts'
import { sourceFiles } from '../pipeline-map/sources.ts'
import { alertCases } from './alert-cases.ts'

const root = new URL('../../', import.meta.url)
const folder = new URL('docs/runbooks/', root)
const rules = alertRules().flatMap(group => group.rules)
const names = [...new Set(rules.map(({ alert }) => alert.replace(/^Feedloop/, '')))]
const runbooks = readdirSync(folder).map(file => ({ file, text: readFileSync(new URL(file, folder), 'utf8') }))
const ofAlerts = runbooks.filter(({ file }) => file !== 'README.md')

describe('alerts', () => {
  test('fire in one case and stay silent in another, at least', () => {
    for (const name of names)
      for (const fires of [true, false])
        assert.ok(
          alertCases.some(each => each.alert === name && (each.fires !== null) === fires),
          `${name}: ${fires ? 'fires' : 'silent'}`,
        )
    for (const { alert } of alertCases) assert.ok(names.includes(alert), alert)
  })
  test('have a runbook each, and no runbook is without', () => {
    assert.deepEqual(ofAlerts.map(({ file }) => file).sort(), names.map(name => `${name}.md`).sort())
    for (const { annotations } of rules) assert.ok(existsSync(new URL(annotations.runbook, root)))
  })
  test('have the thresholds that the chart writes out', () => {
    const values = parse(readFileSync(new URL('deploy/helm/feedloop/values.yaml', root), 'utf8'))
    assert.deepEqual(values.monitoring.prometheusRule.thresholds, thresholds)
  })
})

describe('a runbook', () => {
  for (const { file, text } of ofAlerts)
    test(`${file} says what it means, where to look, what it may be and what is safe`, () => {
      const headings = [...text.matchAll(/^#+ .*$/gm)].map(([line]) => line)
      const name = file.replace(/\.md$/, '')
      const sections = ['What it means', 'First look', 'Likely causes', 'What is safe']
      assert.deepEqual(headings, [`# Feedloop${name}`, ...sections.map(each => `## ${each}`)])
      assert.match(text, /^```(sh|promql)$/m)
      assert.ok((text.match(/^\| .* \|$/gm)?.length ?? 0) > 3, 'several causes')
    })
  const commands = sourceFiles('src')
    .filter(({ path }) => path.startsWith('src/commands/'))
    .flatMap(({ text }) => [...text.matchAll(/\.command\('([a-z-]+)/g)].map(([, name]) => name))
  const suffixes = ['', '_bucket', '_sum', '_count']
  const metrics = new Set(Object.keys(metricTable).flatMap(name => suffixes.map(suffix => name + suffix)))
  test('names only metrics, codes, commands and pages that are there', () => {
    for (const { file, text } of runbooks) {
      for (const [name] of text.matchAll(/\bfeedloop_[a-z_]+/g)) assert.ok(metrics.has(name), `${file}: ${name}`)
      for (const [, code] of text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g))
        assert.ok(code! in errorTable, `${file}: ${code}`)
      for (const [, command] of text.matchAll(/(?:^|`)(?:fl|feedloop) ([a-z-]+)/gm))
        assert.ok(commands.includes(command!), `${file}: ${command}`)
      for (const [, link] of text.matchAll(/\]\(([^)]+)\)/g))
        assert.ok(existsSync(new URL(link!, folder)), `${file}: ${link}`)
    }
  })
  test('names only settings that are there', () => {
    const sections = Object.keys(configSchema.shape)
    const settings = readFileSync(new URL('docs/configuration.md', root), 'utf8')
    for (const { file, text } of runbooks)
      for (const [, setting] of text.matchAll(/`((?:[a-z]+\.)[A-Za-z.]+)(?::[^`]*)?`/g))
        if (sections.includes(setting!.split('.')[0]!)) assert.ok(settings.includes(setting!), `${file}: ${setting}`)
  })
})
