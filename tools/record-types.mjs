// Writes schemas/records.ts, the TypeScript types of the records, from schemas/*.avsc. A test checks that it is current.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = new URL('../schemas/', import.meta.url)
const primitives = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  bytes: 'Buffer',
  string: 'string',
}

export function recordTypes() {
  const done = new Map()
  const typeOf = schema => {
    if (typeof schema === 'string') return primitives[schema] ?? schema
    if (Array.isArray(schema)) return schema.map(typeOf).reverse().join(' | ')
    if (schema.type === 'array') return `readonly ${wrap(typeOf(schema.items))}[]`
    if (schema.type === 'map') return `Readonly<Record<string, ${typeOf(schema.values)}>>`
    if (schema.type === 'enum')
      return define(schema, `export type ${schema.name} = ${schema.symbols.map(s => `'${s}'`).join(' | ')}\n`)
    if (schema.type === 'record') return define(schema, recordText(schema))
    return typeOf(schema.type)
  }
  const wrap = text => (text.includes(' ') ? `(${text})` : text)
  const define = (schema, text) => {
    if (done.has(schema.name) && done.get(schema.name) !== text)
      throw new Error(`${schema.name} is defined twice, differently`)
    done.set(schema.name, text)
    return schema.name
  }
  const recordText = schema =>
    `/** ${schema.doc} */\nexport interface ${schema.name} {\n${schema.fields.map(f => `  /** ${f.doc} */\n  readonly ${f.name}: ${typeOf(f.type)}\n`).join('')}}\n`
  for (const file of readdirSync(folder)
    .filter(name => name.endsWith('.avsc'))
    .sort())
    typeOf(JSON.parse(readFileSync(new URL(file, folder), 'utf8')))
  return `// Made by tools/record-types.mjs from the .avsc files beside it. Do not edit.\n\n${[...done.values()].join('\n')}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(new URL('records.ts', folder), recordTypes())
