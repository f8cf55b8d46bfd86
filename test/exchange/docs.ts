/** The examples of docs/exchange.md, in their order, by language. */
import { readFileSync } from 'node:fs'

export const docsText = readFileSync(new URL('../../docs/exchange.md', import.meta.url), 'utf8')

export const blocksOf = (language: 'sh' | 'python' | 'yaml'): string[] =>
  [...docsText.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\`$`, 'gm'))].map(([, block]) => block)

/** Lines of `sh` blocks that begin with the program's name, without it. */
export const linesOf = (program: 'feedloop' | 'python3'): string[][] =>
  blocksOf('sh')
    .flatMap(block => block.split('\n'))
    .filter(line => line.startsWith(`${program} `))
    .map(line => line.split(' ').slice(1))
