/** The Prometheus rules and scrape configuration, by Prometheus's own tool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { panelExpressions } from './expressions.ts'
import { has, type Part, root, shell } from './parts.ts'

export const rulesPart: Part = {
  name: 'rules',
  async run(say) {
    if (!(await has('promtool')))
      throw new Error(
        'no promtool: it comes with Prometheus (Debian and Ubuntu: the package prometheus), or --only another part',
      )
    const file = (name: string) => join(root, 'deploy', 'prometheus', name)
    const answer = await shell('promtool', ['check', 'rules', file('feedloop.rules.yaml')])
    say(`promtool check rules: ${/\d+ rules found/.exec(answer)?.[0]}`)
    say(`promtool check rules: ${await checkPanels()} expressions of the dashboard`)
    await shell('promtool', ['check', 'config', file('prometheus.yaml')])
    say('promtool check config')
    await shell('promtool', ['test', 'rules', join(root, 'test', 'deploy', 'rules.test.yaml')])
    say('promtool test rules: alerts fire when they must, and only then')
  },
}

/** The expressions of the dashboard, as if they were recording rules, because promtool reads those. */
async function checkPanels(): Promise<number> {
  const rules = panelExpressions().map((expr, index) => ({ record: `panel_${index}`, expr }))
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-panels-'))
  try {
    writeFileSync(join(folder, 'rules.yaml'), stringify({ groups: [{ name: 'dashboard', rules }] }, { lineWidth: 0 }))
    await shell('promtool', ['check', 'rules', join(folder, 'rules.yaml')])
    return rules.length
  } finally {
    rmSync(folder, { recursive: true })
  }
}
