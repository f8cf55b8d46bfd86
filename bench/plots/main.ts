/**
 * `npm run generate:plots -- FILE.json… [--out docs/plots]`: SVGs of what `npm run bench -- learning --json` printed. Of several
 * files the later one's parts count, so that parts may be run one by one.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { svgOf } from './chart.ts'
import { chartsOf, type LearningResults } from './learning.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'docs/plots' } },
})
if (positionals.length === 0) {
  process.stderr.write('usage: npm run generate:plots -- FILE.json… (of npm run bench -- learning --json)\n')
  process.exit(2)
}
const results = positionals.map(
  file => (JSON.parse(readFileSync(file, 'utf8')) as { readonly results: LearningResults }).results,
)
mkdirSync(values.out, { recursive: true })
for (const chart of chartsOf(Object.assign({}, ...results))) {
  const file = join(values.out, `${chart.name}.svg`)
  writeFileSync(file, `${svgOf(chart)}\n`)
  process.stdout.write(`${file}\n`)
}
