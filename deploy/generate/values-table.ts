/** README.md of the chart: what stands above the marker is written by hand, the table is made of values.yaml and its comments. */
import { readFileSync } from 'node:fs'
import { isMap, isScalar, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml'

const marker = '<!-- The rest is made of values.yaml by `npm run generate:deploy`. Do not edit below this line. -->'
const chart = new URL('../helm/feedloop/', import.meta.url)

export function chartReadme(): string {
  const onDisk = readFileSync(new URL('README.md', chart), 'utf8')
  const end = onDisk.indexOf(marker)
  if (end < 0) throw new Error(`the chart's README.md has no marker line: ${marker}`)
  const values = parseDocument(readFileSync(new URL('values.yaml', chart), 'utf8'))
  const rows = rowsOf(values.contents as YAMLMap, '', values.commentBefore ?? '')
  const lines = rows.map(cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`)
  return `${onDisk.slice(0, end)}${marker}\n\n| value | default | meaning |\n| --- | --- | --- |\n${lines.join('\n')}\n`
}

type Row = readonly [key: string, value: string, meaning: string]

/** @param above comment above the map: that of its first key */
function rowsOf(map: YAMLMap, path: string, above: string): Row[] {
  return map.items.flatMap((pair, index) => rowsOfPair(pair as Pair<Node, Node>, path, index === 0 ? above : ''))
}

function rowsOfPair({ key, value }: Pair<Node, Node>, path: string, above: string): Row[] {
  const name = `${path}${key}`
  const comment = meaning([above, key.commentBefore ?? ''].join('\n'))
  if (isMap(value) && value.items.length > 0 && !value.flow) {
    const nested = rowsOf(value, `${name}.`, value.commentBefore ?? '')
    return comment === '' ? nested : [[code(name), '', comment], ...nested]
  }
  return [[code(name), code(textOf(value)), comment]]
}

const textOf = (value: Node | null): string =>
  isScalar(value) ? JSON.stringify(value.value) : JSON.stringify(value?.toJSON() ?? null)
const meaning = (comment: string): string => comment.replace(/\s*\n\s*/g, ' ').trim()
const code = (text: string): string => `\`${text}\``
