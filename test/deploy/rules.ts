/** The Prometheus rules and scrape configuration, by Prometheus's own tool. */
import { join } from 'node:path'
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
    await shell('promtool', ['check', 'config', file('prometheus.yaml')])
    say('promtool check config')
    await shell('promtool', ['test', 'rules', join(root, 'test', 'deploy', 'rules.test.yaml')])
    say('promtool test rules: alerts fire when they must, and only then')
  },
}
